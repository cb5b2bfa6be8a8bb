//! Why something with the root key is refused.

/// A rule about the root key says no. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the HTTP status of each is decided in one place")]
pub enum RootRefusal {
    /// A rotation is open.
    #[error("a rotation of the root key is open")]
    RotationOpen,
    /// None is.
    #[error("no rotation of the root key is open")]
    NoRotation,
    /// It stands still.
    #[error("the rotation of the root key is paused")]
    RotationPaused,
    /// An emergency rotation leads only forward.
    #[error("an emergency rotation cannot be rolled back: its old epoch is not trusted")]
    NoWayBack,
    /// The rotation was turned back.
    #[error("the rotation of the root key was turned back, and is not finalised")]
    TurnedBack,
    /// The rotation was not turned back.
    #[error("the rotation of the root key was not turned back")]
    NotTurnedBack,
    /// Records are still to be sealed anew.
    #[error("not every record is sealed anew yet")]
    PassIncomplete,
    /// Somebody else went on.
    #[error("the rotation of the root key has come further than that")]
    PassMovedOn,
    /// Records do not open: they keep the old epoch alive.
    #[error("{count} records do not open and keep the other epoch alive")]
    RecordsFailed {
        /// How many.
        count: usize,
    },
    /// So many records do not open that something else is wrong.
    #[error("too many records do not open; the rotation stops here")]
    TooManyFailed,
    /// The backup was made at another stage of a rotation than the store is in.
    #[error("the backup is of another epoch, or of another stage of a rotation, than the store")]
    BackupDoesNotFit,
    /// The slots were changed by somebody else at the same time.
    #[error("the root key's slots were changed at the same time")]
    HeaderMovedOn,
}

impl RootRefusal {
    /// A short word that programs can rely on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RotationOpen => "root-rotation-open",
            Self::NoRotation => "no-root-rotation",
            Self::RotationPaused => "root-rotation-paused",
            Self::NoWayBack => "root-no-way-back",
            Self::TurnedBack => "root-turned-back",
            Self::NotTurnedBack => "root-not-turned-back",
            Self::PassIncomplete => "root-rotation-incomplete",
            Self::PassMovedOn => "root-rotation-moved-on",
            Self::RecordsFailed { .. } => "root-records-failed",
            Self::TooManyFailed => "root-too-many-failed",
            Self::BackupDoesNotFit => "root-backup-does-not-fit",
            Self::HeaderMovedOn => "root-header-moved-on",
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::RotationOpen => Some(
                "`keyward root rotate --resume` goes on with it, `--finalise` or `--rollback` ends it",
            ),
            Self::NoRotation => Some("begin one with `keyward root rotate`"),
            Self::RotationPaused => Some("go on with `keyward root rotate --resume`"),
            Self::NoWayBack => Some("go on with `keyward root rotate --resume`"),
            Self::TurnedBack => Some("go on with `keyward root rotate --rollback`"),
            Self::NotTurnedBack => Some("turn it back with `keyward root rotate --rollback`"),
            Self::PassIncomplete => Some("go on with `keyward root rotate --resume`"),
            Self::RecordsFailed { .. } => Some(
                "`keyward root status` names them: restore them from a backup, destroy or purge \
                 them, or say --accept-loss",
            ),
            Self::TooManyFailed => Some("`keyward audit verify` says what is wrong with the store"),
            Self::BackupDoesNotFit => Some("use the copy of the data and the backup of one time"),
            Self::HeaderMovedOn => Some("try again"),
            Self::PassMovedOn => None,
        }
    }
}
