//! How a store begins, and how it begins again: the way in is the same after a clean stop and
//! after a crash.

mod replay;
pub(crate) mod snapshot;

use std::sync::Arc;

use keyward_barrier::{self as barrier, Terms, Unsealed};
use keyward_crypto::{secret::Password, signing::PrivateKey};
use keyward_lifecycle::{
    algorithm::Algorithm,
    audit::{
        checkpoint::TreeHead,
        tree::{Frontier, leaf_hash},
    },
    authority::admit,
    command::Command,
    event::{Event, VERSION},
    ledger::SignedHead,
    profile::Profile,
    state::State,
    time::Timestamp,
};

use crate::{
    actor, authority,
    engine::{Begun, Keyward, Parts, Root},
    pin::{MalformedPins, Pins, saver::Pin},
    projection,
    storage::{AppendError, Batch, Heads, Item, ItemChange, ReadError, Shelf, Storage, Tree},
    system::{AUTHORITY_KEY, LOG_KEY, LogSigner, Reader, Signable, system_record},
    writer::{QUEUE_JOBS_MAX, Tip},
};

impl Keyward {
    /// Begins a store: root key, identity, log key, a 1-of-1 authority, the built-in profiles.
    /// All of it is one transaction. What vouches for it is pinned before, and the first
    /// checkpoint after: pins without a checkpoint beside an empty storage are a beginning that
    /// was cut off, which is begun anew.
    ///
    /// # Errors
    /// [`CreateFailed`]; a store that is there already is not touched.
    pub fn create(
        parts: &Parts,
        password: Vec<u8>,
        mut terms: Terms,
        profiles: Vec<Profile>,
    ) -> Result<Self, CreateFailed> {
        if parts.storage.heads()? != Heads::default() || has_checkpoint(parts)? {
            return Err(CreateFailed::Exists);
        }
        terms.now = parts.clock.now().cut_to_micros();
        let now = terms.now;
        let password = Password::new(password)?;
        let created = barrier::create(&password, terms)?;
        let unsealed = created.unsealed;
        let root_id = unsealed.root_id();
        let origin = format!("keyward/{}", root_id.fingerprint().digest());
        let log = PrivateKey::generate(Algorithm::Ed25519)?;
        let authority_key = PrivateKey::generate(Algorithm::Ed25519)?;
        let mut items = vec![
            put(
                Shelf::Root,
                epoch_name(unsealed.epoch().number()),
                created.header.bytes().to_vec(),
            ),
            sealed_item(&unsealed, LOG_KEY, &log)?,
            sealed_item(&unsealed, AUTHORITY_KEY, &authority_key)?,
        ];
        let log = LogSigner::new(log.into_signer(), &origin).ok_or(CreateFailed::Internal)?;
        let envelope = authority::first(root_id.fingerprint(), &origin, &authority_key, &log)?;
        let json = envelope.to_json().map_err(|_| CreateFailed::Internal)?;
        items.push(put(Shelf::Authority, 1_u64.to_be_bytes().to_vec(), json));
        let admitted = admit(&envelope, None, &Reader).map_err(|_| CreateFailed::Internal)?;
        let mut commands = vec![Command::CreateStore {
            root_id: root_id.fingerprint(),
            authority: admitted.digest(),
            log_key: log.verifier_keys()[0].as_str().into(),
        }];
        commands.extend(profiles.into_iter().map(Command::DefineProfile));
        let (tip, mut batch) = first_batch(&commands, now)?;
        batch.items.append(&mut items);
        let heads = Signable { log: head(&tip.log), ledger: head(&tip.ledger), snapshot: None };
        let note = log.sign(&heads, now).ok_or(CreateFailed::Internal)?.to_string();
        batch.items.push(put(Shelf::Checkpoint, second_name(now), note.clone().into_bytes()));
        let pins = Pins {
            root_id,
            authority: envelope,
            authority_digest: admitted.digest(),
            checkpoint: None,
            unsigned: None,
        };
        parts.pins.save(&pins.to_bytes().map_err(|_| CreateFailed::Internal)?)?;
        parts.storage.append(Heads::default(), &batch)?;
        let root = Some(Root { unsealed, log: Arc::new(log), opened: Arc::default() });
        let begun = Begun {
            tip,
            authority: admitted,
            quarantine: None,
            root,
            queue: QUEUE_JOBS_MAX,
            not_before: now,
        };
        let keyward = Self::assemble(begun, parts, pins);
        // The store is made, whatever becomes of this.
        keyward.shared.pins.note(note, Pin::Now);
        Ok(keyward)
    }

    /// Opens a store, sealed: the log is checked against the authority that is pinned outside
    /// the database, from a snapshot that a checkpoint binds, or from the first leaf.
    ///
    /// # Errors
    /// [`OpenFailed`] says what does not hold and what to do.
    pub fn open(parts: &Parts) -> Result<Self, OpenFailed> {
        let pins = match parts.pins.load()? {
            Some(bytes) => Pins::parse(&bytes)?,
            None if parts.storage.heads()? == Heads::default() => return Err(OpenFailed::NoStore),
            None => return Err(OpenFailed::NoPins),
        };
        if pins.checkpoint.is_none() && parts.storage.heads()? == Heads::default() {
            return Err(OpenFailed::NoStore);
        }
        let pinned = admit(&pins.authority, None, &Reader).map_err(|_| MalformedPins)?;
        if pinned.authority().root_id != pins.root_id.fingerprint() {
            return Err(MalformedPins.into());
        }
        let newest = replay::newest_checkpoint(parts, &pinned)?;
        let kept = match &pins.checkpoint {
            Some(note) => Some(replay::open_note(note.as_bytes(), &pinned).ok_or(MalformedPins)?),
            None => None,
        };
        let outside = replay::Outside { checkpoint: kept.as_ref(), unsigned: pins.unsigned };
        let (tip, quarantine) = replay::replay(parts, newest.as_ref(), outside)?;
        if quarantine.is_none() && tip.state.store().is_none() {
            return Err(OpenFailed::Tampered {
                what: "the log does not begin with a store".into(),
            });
        }
        let (authority, newer) = match quarantine {
            None => authority::follow(&*parts.storage, &tip.state, pinned)?,
            Some(_) => (pinned, None),
        };
        // Time goes on from the last that was signed for, whatever the clock says now.
        let signed = [newest.as_ref(), kept.as_ref()].into_iter().flatten();
        let not_before = signed.map(SignedHead::cosigned_at).max().unwrap_or(Timestamp::EPOCH);
        let not_before =
            last_entry_time(&*parts.storage).map_or(not_before, |last| last.max(not_before));
        let queue = QUEUE_JOBS_MAX;
        let begun = Begun { tip, authority, quarantine, root: None, queue, not_before };
        let keyward = Self::assemble(begun, parts, pins);
        if let Some(newer) = newer {
            keyward.shared.pins.adopt(newer);
        }
        keyward.find_gap();
        Ok(keyward)
    }

    /// Whether the storage holds a store.
    ///
    /// # Errors
    /// [`OpenFailed`] when the medium does not answer.
    pub fn exists(parts: &Parts) -> Result<bool, OpenFailed> {
        Ok(parts.storage.heads()? != Heads::default() || has_checkpoint(parts)?)
    }

    /// Unseals for the length of a command, without a word in the log: the password opens a slot
    /// of the newest epoch header, which the pinned identity has signed. See also
    /// [`Self::unseal_with_password`].
    ///
    /// # Errors
    /// [`UnsealFailed`]; nothing has changed.
    pub fn unseal(&self, password: Vec<u8>) -> Result<(), UnsealFailed> {
        let mut password = zeroize::Zeroizing::new(password);
        let since = self.shared.seals();
        if self.shared.is_unsealed() {
            return Ok(());
        }
        let password = Password::new(std::mem::take(&mut *password));
        let password = password.map_err(|_| UnsealFailed::WrongPassword)?;
        self.open_root(since, |sealed, policy| sealed.unseal(&password, policy))
    }

    /// Seals: the root key is wiped from memory.
    pub fn seal(&self) {
        self.shared.set_root(None);
        self.shared.pins.flush();
    }

    /// An unclean stop of buffered signing leaves a gap, which is logged now.
    fn find_gap(&self) {
        let state = self.state();
        let Some(opened) = state.ledger().open_since else { return };
        // The last entry made it: what came after it may be missing.
        let from = last_entry_time(&*self.shared.storage).unwrap_or(opened).max(opened);
        let note = keyward_lifecycle::command::LedgerNote::Gap { from };
        // Should it fail, buffered signing stays marked open, and the stop or the next start
        // logs it.
        drop(self.execute(&self.shared.system_actor, Command::NoteLedger(note)));
    }
}

/// Whether pins are here that were completed: the mark of a store that was made.
fn has_checkpoint(parts: &Parts) -> Result<bool, std::io::Error> {
    let Some(bytes) = parts.pins.load()? else { return Ok(false) };
    Ok(Pins::parse(&bytes).map_or(true, |pins| pins.checkpoint.is_some()))
}

/// The time of the ledger's last entry.
fn last_entry_time(storage: &dyn Storage) -> Option<Timestamp> {
    let last = storage.heads().ok()?.ledger.checked_sub(1)?;
    let leaf = storage.leaves(Tree::Ledger, last, 1).ok()?.into_iter().next()?;
    keyward_lifecycle::ledger::Entry::from_leaf(last, &leaf).map(|entry| entry.time)
}

fn first_batch(commands: &[Command], now: Timestamp) -> Result<(Tip, Batch), CreateFailed> {
    let (mut state, mut log, mut batch) = (State::default(), Frontier::new(), Batch::default());
    for command in commands {
        let decision = keyward_lifecycle::decide::decide(&state, command, now)
            .map_err(|_| CreateFailed::Internal)?;
        for fact in decision.facts {
            let seq = state.size();
            let event = Event { v: VERSION, seq, time: now, actor: actor::system(), fact };
            let leaf = event.to_leaf().map_err(|_| CreateFailed::Internal)?;
            state.apply(&event);
            batch.rows.extend(projection::rows(&state, &event, &leaf, &projection::at_hand));
            let mut completed = |at, hash| batch.nodes.push((Tree::Log, at, hash));
            log.append(leaf_hash(&leaf), &mut completed).map_err(|_| CreateFailed::Internal)?;
            batch.log.push(leaf);
        }
    }
    Ok((Tip { state, log, ledger: Frontier::new(), snapshot: None }, batch))
}

fn sealed_item(root: &Unsealed, name: &str, key: &PrivateKey) -> Result<ItemChange, CreateFailed> {
    let record = system_record(name).ok_or(CreateFailed::Internal)?;
    let sealed = root.seal(&record, key.expose_material()).map_err(|_| CreateFailed::Internal)?;
    let item = record_item_name(name).ok_or(CreateFailed::Internal)?;
    Ok(put(Shelf::Record, item, sealed))
}

fn record_item_name(name: &str) -> Option<Vec<u8>> {
    system_record(name).map(|record| record.to_string().into_bytes())
}

fn put(shelf: Shelf, name: Vec<u8>, bytes: Vec<u8>) -> ItemChange {
    ItemChange::Put(shelf, Item { name, bytes })
}

pub(crate) fn epoch_name(epoch: u32) -> Vec<u8> {
    epoch.to_be_bytes().to_vec()
}

fn second_name(now: Timestamp) -> Vec<u8> {
    u64::try_from(now.seconds()).unwrap_or(0).to_be_bytes().to_vec()
}

fn head(frontier: &Frontier) -> TreeHead {
    TreeHead { size: frontier.size(), root: frontier.root() }
}

/// No store was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateFailed {
    /// There is one already.
    #[error("a store is here already")]
    Exists,
    /// The password is not to be had or too weak, or memory cannot be locked.
    #[error(transparent)]
    Root(#[from] barrier::CreateFailed),
    /// The password is empty or too long.
    #[error(transparent)]
    Password(#[from] keyward_crypto::secret::PasswordRefused),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] keyward_crypto::signing::GenerationFailed),
    /// The storage does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The storage does not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// `trust.json` cannot be written.
    #[error("trust.json cannot be written")]
    Pins(#[from] std::io::Error),
    /// A document of ours had no canonical form: a fault of this program.
    #[error("the store's first documents could not be made; this is a fault of the program")]
    Internal,
}

/// A store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFailed {
    /// There is none.
    #[error("there is no store here")]
    NoStore,
    /// The database is here, and what vouches for it is not.
    #[error("trust.json is missing: nothing vouches for the database")]
    NoPins,
    /// `trust.json` is not what it was.
    #[error(transparent)]
    MalformedPins(#[from] MalformedPins),
    /// The log is not the one that was signed.
    #[error("the database was changed from outside: {what}")]
    Tampered {
        /// What does not agree.
        what: Box<str>,
    },
    /// A leaf cannot be folded.
    #[error(transparent)]
    Leaf(#[from] keyward_lifecycle::event::UnreadableLeaf),
    /// The storage does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// `trust.json` cannot be read.
    #[error("trust.json cannot be read")]
    Pins(#[from] std::io::Error),
}

/// The store stays sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealFailed {
    /// No slot opens with this password.
    #[error("wrong password; nothing was changed")]
    WrongPassword,
    /// No epoch header is there.
    #[error("the store has no root key header; restore the database from a backup")]
    NoHeader,
    /// The header is another store's, or was changed.
    #[error(transparent)]
    Header(#[from] barrier::HeaderRefused),
    /// It is not the header that the log names: an older one leads through slots that are gone.
    #[error(
        "the root key's header is number {found}, and the log names number {logged}; restore \
         the database, or the root key's backup with `keyward root restore`"
    )]
    AnotherHeader {
        /// The counter of the one that is there.
        found: u64,
        /// The counter of the one that the log names.
        logged: u64,
    },
    /// A backup of an epoch that is gone.
    #[error("the backup leads to epoch {found}, and the store is in epoch {needed}")]
    OldEpoch {
        /// Its epoch.
        found: u32,
        /// The store's.
        needed: u32,
    },
    /// After some failures an attempt has to wait.
    #[error("too many attempts failed; try again at {try_again_at}")]
    TooSoon {
        /// From when.
        try_again_at: Timestamp,
    },
    /// The header's slots do not open.
    #[error(transparent)]
    Unseal(#[from] barrier::UnsealError),
    /// Somebody sealed the store after the attempt had begun.
    #[error("the store was sealed while it was about to be unsealed, and stays sealed")]
    SealedMeanwhile,
    /// The log's key is not the one that the authority names.
    #[error("the log key is not the one that the authority names; restore the database")]
    LogKey,
    /// The storage does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
}
