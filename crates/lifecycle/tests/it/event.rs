//! Leaves of the log: every event is written in one way, and nothing else is read.

mod document;
mod sample;

use keyward_lifecycle::{
    canonical::Uncanonical,
    event::{Event, Fact, LEAF_BYTES_MAX, UnreadableLeaf, VERSION},
    id::{Digest, EventId},
    time::Timestamp,
};
use proptest::prelude::*;
use sample::{SAMPLES, event};

fn damaged(seq: u64) -> UnreadableLeaf {
    UnreadableLeaf::Damaged { seq }
}

#[test]
fn there_is_a_sample_of_every_type() {
    // SO-121
    let types: Vec<_> = (0..SAMPLES).map(|kind| event(kind, 0).fact.type_name()).collect();
    assert_eq!(types, Fact::TYPES);
}

#[test]
fn a_leaf_is_the_canonical_text_of_its_event() {
    let promoted = (0..SAMPLES)
        .map(|kind| event(kind, 7))
        .find(|event| event.fact.type_name() == "KEY_PROMOTED")
        .unwrap();
    let text = "{\"actor\":\"a-7\",\"details\":{\"keyId\":\"key-7\"},\"seq\":7,\
                \"time\":\"1970-01-01T00:00:07Z\",\"type\":\"KEY_PROMOTED\",\"v\":1}";
    assert_eq!(promoted.to_leaf().unwrap(), text.as_bytes());
    assert_eq!(Event::from_leaf(7, text.as_bytes()), Ok(promoted));
}

#[test]
fn a_newer_type_or_version_is_said_to_be_newer() {
    let leaf = |v: u8, name: &str| {
        format!(
            "{{\"actor\":\"a-7\",\"details\":{{}},\"seq\":7,\
             \"time\":\"1970-01-01T00:00:07Z\",\"type\":\"{name}\",\"v\":{v}}}"
        )
    };
    for (version, name) in [(1, "KEY_FROBNICATED"), (2, "KEY_PROMOTED"), (0, "KEY_PROMOTED")] {
        let newer = UnreadableLeaf::Newer { seq: 7, version, type_name: name.into() };
        let error = Event::from_leaf(7, leaf(version, name).as_bytes()).unwrap_err();
        assert_eq!(error, newer);
    }
    // Of this type and version, but not what it is.
    let promoted = leaf(VERSION, "KEY_PROMOTED");
    assert_eq!(Event::from_leaf(7, promoted.as_bytes()), Err(damaged(7)));
}

#[test]
fn what_means_the_same_and_is_written_otherwise_is_damaged() {
    for kind in 0..SAMPLES {
        let event = event(kind, 3);
        let leaf = String::from_utf8(event.to_leaf().unwrap()).unwrap();
        let reversed = leaf.replacen("\"v\":1}", "\"v\":1.0}", 1);
        let spaced = leaf.replacen(':', ": ", 1);
        let escaped = leaf.replacen("actor", "\\u0061ctor", 1);
        let offset = leaf.replacen("Z\",\"type\"", "+00:00\",\"type\"", 1);
        let twice = leaf.replacen('{', "{\"v\":1,", 1);
        let extra = leaf.replacen('{', "{\"a\":1,", 1);
        let more = leaf.replacen("\"details\":{", "\"details\":{\"a\":1,", 1);
        let (tail, cut) = (format!("{leaf}\n"), leaf[..leaf.len() - 1].to_owned());
        for other in [reversed, spaced, escaped, offset, twice, extra, more, tail, cut] {
            assert_ne!(other, leaf);
            assert_eq!(Event::from_leaf(3, other.as_bytes()), Err(damaged(3)), "{other}");
        }
        // In another place it is not this event.
        assert_eq!(Event::from_leaf(4, leaf.as_bytes()), Err(damaged(4)));
    }
}

#[test]
fn any_byte_that_is_changed_is_seen_or_makes_another_event() {
    for kind in 0..SAMPLES {
        let event = event(kind, 5);
        let leaf = event.to_leaf().unwrap();
        for place in 0..leaf.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut changed = leaf.clone();
                changed[place] ^= flip;
                match Event::from_leaf(5, &changed) {
                    Ok(other) => {
                        assert_ne!(other, event);
                        assert_eq!(other.to_leaf().unwrap(), changed);
                    }
                    Err(UnreadableLeaf::Damaged { seq }) => assert_eq!(seq, 5),
                    Err(UnreadableLeaf::Newer { version, type_name, .. }) => {
                        assert!(version != VERSION || !Fact::TYPES.contains(&&*type_name));
                    }
                }
            }
        }
    }
}

#[test]
fn a_leaf_beyond_its_limit_is_not_read() {
    let mut long = event(0, 0).to_leaf().unwrap();
    long.resize(LEAF_BYTES_MAX + 1, b' ');
    assert_eq!(Event::from_leaf(0, &long), Err(damaged(0)));
}

#[test]
fn a_count_that_readers_would_round_is_not_written() {
    let event = Event { seq: 1 << 53, ..event(0, 0) };
    let number = (1_u64 << 53).to_string();
    assert_eq!(event.to_leaf(), Err(Uncanonical::BeyondExact { number }));
}

#[test]
fn an_event_has_its_name_from_its_leaf() {
    let names: Vec<_> = (0..SAMPLES)
        .map(|kind| EventId::of_leaf(&Digest::of(&event(kind, 1).to_leaf().unwrap())))
        .collect();
    assert!((1..names.len()).all(|last| !names[..last].contains(&names[last])));
}

proptest! {
    #[test]
    fn every_event_is_read_as_it_was_written(
        kind in 0..SAMPLES,
        seed in any::<u64>(),
        seq in 0..1_u64 << 53,
        nanos in any::<i64>(),
    ) {
        let time = Timestamp::from_nanos(nanos);
        let event = Event { seq, time, ..event(kind, seed) };
        let leaf = event.to_leaf().unwrap();
        prop_assert!(leaf.len() < LEAF_BYTES_MAX);
        prop_assert_eq!(Event::from_leaf(seq, &leaf), Ok(event));
    }

    #[test]
    fn arbitrary_bytes_are_no_leaf(seq in any::<u64>(), bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(Event::from_leaf(seq, &bytes), Err(damaged(seq)));
    }

    #[test]
    fn arbitrary_text_in_the_right_members_is_judged(
        details in "[ -~]{0,40}",
        name in prop::sample::select(Fact::TYPES),
    ) {
        let leaf = format!(
            "{{\"actor\":\"system\",\"details\":{{{details}}},\"seq\":0,\
             \"time\":\"1970-01-01T00:00:00Z\",\"type\":\"{name}\",\"v\":1}}"
        );
        if let Ok(event) = Event::from_leaf(0, leaf.as_bytes()) {
            prop_assert_eq!(event.to_leaf().unwrap(), leaf.into_bytes());
        }
    }
}
