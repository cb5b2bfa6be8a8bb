//! Who is believed, when: real signatures before anchors, with evidence of every kind.

mod court;
mod end;
mod rotation;
mod subject;
mod table;
mod threshold;
