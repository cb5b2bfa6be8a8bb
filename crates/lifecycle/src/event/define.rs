//! How a table of facts becomes a type.

macro_rules! facts {
    (
        $(#[doc = $enum_doc:literal])*
        $enum:ident
        $({ $($(#[doc = $nested_doc:literal])* $nested:ident($of:ty)),* $(,)? })?
        $($(#[doc = $doc:literal])* $variant:ident = $name:literal { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? })*
    ) => {
        $(#[doc = $enum_doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "details")]
        #[expect(clippy::exhaustive_enums, reason = "the fold decides about every fact")]
        pub enum $enum {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $name, rename_all = "camelCase")]
                $variant {
                    $(
                        $(#[$field_meta])*
                        $field: $type
                    ),*
                },
            )*
            $($(
                $(#[doc = $nested_doc])*
                #[serde(untagged)]
                $nested($of),
            )*)?
        }

        impl $enum {
            /// Every event type of this table, as the log writes it (SO-121).
            pub const TABLE: &[&str] = &[$($name),*];

            /// This fact's type, as the log writes it.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
                    $($(Self::$nested(fact) => fact.type_name(),)*)?
                }
            }
        }
    };
}
pub(super) use facts;
