//! `keyward root …`.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};

use super::Init;

#[derive(Debug, Subcommand)]
pub(crate) enum RootVerb {
    /// Make a store with its root key; the same as `keyward init`
    Init(Init),
    /// Show the root key's state
    Status,
    /// Compare the key in memory with its check value, and open a sample of records
    Check,
    /// Unseal a running server, or prove that the password is right
    Unseal(RootUnseal),
    /// Wipe the root key from a running server's memory
    Seal,
    /// Replace the root key: every record is sealed anew, and nothing stands still meanwhile
    Rotate(RootRotate),
    /// Write the root key's backup: one file that a password or shares open
    Backup(RootBackup),
    /// Put the root key's backup in place beside a copy of the data
    Restore {
        /// The backup
        file: PathBuf,
        /// Take it though the store's own header is sound and newer: ways in that were removed since come back
        #[arg(long)]
        older: bool,
    },
    /// Rehearse a restore in a scratch directory, and log how it came out
    Drill {
        /// The backup to rehearse with; a new one, if none
        #[arg(long, value_name = "FILE")]
        backup: Option<PathBuf>,
    },
    /// Unseal with recovery shares, one holder after another
    Recover(Shares),
    /// The ways to the root key: passwords, recovery shares
    #[command(subcommand)]
    Slot(RootSlotVerb),
    /// The password of the store
    #[command(subcommand)]
    Password(RootPasswordVerb),
}

#[derive(Debug, Args)]
pub(crate) struct RootUnseal {
    /// With recovery shares in place of the password
    #[arg(long)]
    pub(crate) recovery: bool,
    #[command(flatten)]
    pub(crate) shares: Shares,
}

#[derive(Debug, Args)]
pub(crate) struct Shares {
    /// File with one recovery share; without any, each holder is asked
    #[arg(long = "share", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RootRotate {
    #[command(flatten)]
    pub(crate) step: RotateStep,
    /// Most records that are sealed anew in a second, until the server starts again; --resume --rate N changes it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), conflicts_with_all = ["check", "pause", "rollback", "finalise"])]
    pub(crate) rate: Option<u32>,
    /// With --finalise: give up the records that do not open
    #[arg(long, requires = "finalise")]
    pub(crate) accept_loss: bool,
    /// The keepers from here on, as in 2:ada,bob,eve: any two of the three; or none
    #[arg(long, value_name = "K:NAMES", conflicts_with_all = ["check", "pause", "resume", "rollback", "finalise"])]
    pub(crate) keepers: Option<KeeperNames>,
    /// With --emergency: recovery shares of a fresh slot, as in 2/3
    #[arg(long, value_name = "K/N", requires = "emergency")]
    pub(crate) recovery: Option<Sharing>,
    /// With --recovery: a holder's age recipient, in the order of the shares
    #[arg(long, value_name = "AGE", requires = "recovery")]
    pub(crate) recipient: Vec<String>,
    #[command(flatten)]
    pub(crate) new_password: NewPassword,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "one of them at most: clap sees to it")]
pub(crate) struct RotateStep {
    /// Say whether a rotation may begin, and begin none
    #[arg(long)]
    pub(crate) check: bool,
    /// The root key or a way to it may have leaked: a fresh password, and no way back
    #[arg(long)]
    pub(crate) emergency: bool,
    /// Let the rotation stand still
    #[arg(long)]
    pub(crate) pause: bool,
    /// Let it go on
    #[arg(long)]
    pub(crate) resume: bool,
    /// Bring every record back to the old epoch
    #[arg(long)]
    pub(crate) rollback: bool,
    /// End it: the old epoch is gone
    #[arg(long)]
    pub(crate) finalise: bool,
}

/// Keepers, and how many of them give the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeeperNames {
    pub(crate) threshold: u8,
    pub(crate) names: Vec<String>,
}

impl FromStr for KeeperNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self { threshold: 0, names: Vec::new() });
        }
        let parts = text.split_once(':');
        let parsed = parts.and_then(|(k, names)| Some((k.parse().ok()?, names)));
        let (threshold, names) = parsed.ok_or("expected a number and names, as in 2:ada,bob")?;
        Ok(Self { threshold, names: names.split(',').map(str::to_owned).collect() })
    }
}

/// How many shares of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharing {
    pub(crate) threshold: u8,
    pub(crate) count: u8,
}

impl FromStr for Sharing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        let (threshold, count) = parsed.ok_or("expected two numbers, as in 2/3")?;
        Ok(Self { threshold, count })
    }
}

/// Where a new password comes from; a prompt, if nothing is said.
#[derive(Debug, Args)]
pub(crate) struct NewPassword {
    /// File with the new password
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<PathBuf>,
    /// File descriptor to read the new password from
    #[arg(long, value_name = "N", conflicts_with = "new_password_file")]
    pub(crate) new_password_fd: Option<u32>,
}

impl NewPassword {
    /// Whether it was said where it is.
    pub(crate) const fn is_given(&self) -> bool {
        self.new_password_file.is_some() || self.new_password_fd.is_some()
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RootBackup {
    #[command(subcommand)]
    pub(crate) verb: Option<RootBackupVerb>,
    /// File to write to
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) out: Option<PathBuf>,
    /// Replace a backup that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RootBackupVerb {
    /// Read a backup again, open it, and compare its root id; touches nothing but the log
    Verify {
        /// The backup
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RootSlotVerb {
    /// List the ways to the root key
    List,
    /// Add one
    #[command(subcommand)]
    Add(AddSlotVerb),
    /// Remove one; the last one stays, and copies of the store made before still have it
    ///
    /// A keeper knows a part of the key itself, so removing one rotates the root key among the
    /// others.
    Remove {
        /// The slot's id, as `keyward root slot list` shows it; or `keeper`, with a name
        id: String,
        /// After `keeper`: which
        #[arg(value_name = "NAME")]
        keeper: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddSlotVerb {
    /// Split the root key among the keepers of the configuration, and give each its share
    Keepers {
        /// How many of them give the key [default: rootKey.keepers.threshold of the configuration]
        #[arg(long, value_name = "K")]
        threshold: Option<u8>,
    },
    /// Another password
    Password {
        /// What it is called
        #[arg(long, default_value = "password")]
        label: String,
        #[command(flatten)]
        new_password: NewPassword,
    },
    /// Shares for holders, who bring them together in an emergency
    Recovery {
        /// How many shares open it
        #[arg(long, value_name = "K")]
        threshold: u8,
        /// How many shares there are
        #[arg(long, value_name = "N")]
        count: u8,
        /// A holder's age recipient, in the order of the shares; without any, the shares are shown one at a time
        #[arg(long, value_name = "AGE")]
        recipient: Vec<String>,
        /// What it is called
        #[arg(long, default_value = "recovery")]
        label: String,
        /// Directory for the encrypted shares
        #[arg(long, value_name = "DIR", requires = "recipient")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RootPasswordVerb {
    /// Put another password in the place of the one that is given
    Change {
        #[command(flatten)]
        new_password: NewPassword,
    },
    /// Say whether the password is right; unseals nothing
    Verify,
}
