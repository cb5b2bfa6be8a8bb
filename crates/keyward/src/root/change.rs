//! How the signed header changes: in the transaction that logs it, and used only then.

use std::sync::{Arc, MutexGuard, PoisonError, RwLockWriteGuard};

use keyward_barrier::{EpochHeader, Unsealed};
use keyward_lifecycle::{
    command::{Command, RootCommand},
    id::{ActorId, Digest},
    root::HeaderMark,
};

use super::RootError;
use crate::{
    engine::{Keyward, Root, Shared},
    record::number_of,
    start::epoch_name,
    storage::{Item, ItemChange, Shelf},
    writer::{ExecuteError, Receipt},
};

/// A header that is to take the place of the one before.
pub(super) struct Next<T> {
    pub(super) unsealed: Unsealed,
    pub(super) commands: Vec<RootCommand>,
    /// The epoch whose header goes.
    pub(super) gone: Option<u32>,
    pub(super) out: T,
}

impl Keyward {
    /// Makes the next header while nobody else changes it, logs it while nobody seals a record,
    /// and uses it from then on. `make` may take its time: passwords are stretched and keepers
    /// get their shares in it.
    pub(super) fn change_header<T>(
        &self,
        actor: &ActorId,
        make: impl FnOnce(&Unsealed) -> Result<Next<T>, RootError>,
    ) -> Result<(Receipt, T), RootError> {
        let changing = self.shared.changing();
        let changed = self.next_header(actor, make);
        drop(changing);
        changed
    }

    /// As [`Self::change_header`]. The caller holds [`Shared::changing`].
    pub(super) fn next_header<T>(
        &self,
        actor: &ActorId,
        make: impl FnOnce(&Unsealed) -> Result<Next<T>, RootError>,
    ) -> Result<(Receipt, T), RootError> {
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let Next { unsealed, commands, gone, out } = make(&root.unsealed)?;
        let alone = self.shared.alone();
        // Sealed meanwhile, and perhaps unsealed again.
        if !self.shared.root().is_some_and(|now| Arc::ptr_eq(&now, &root)) {
            return Err(ExecuteError::Sealed.into());
        }
        let mut items = vec![header_item(unsealed.header())];
        items.extend(gone.map(|epoch| ItemChange::Remove(Shelf::Root, epoch_name(epoch))));
        let commands = commands.into_iter().map(Command::Root).collect();
        let receipt = self.execute_with(actor, commands, items)?;
        self.shared.use_root(&root, unsealed);
        drop(alone);
        Ok((receipt, out))
    }
}

impl Keyward {
    /// Whether the log's rules take those commands as things stand: asked before anybody outside
    /// is told of what they lead to.
    pub(super) fn would_log(&self, commands: &[RootCommand]) -> Result<(), RootError> {
        let commands: Vec<Command> = commands.iter().cloned().map(Command::Root).collect();
        self.shared.check_may_do(&commands)?;
        let (state, now) = (self.state(), self.now());
        for command in &commands {
            let _ = keyward_lifecycle::decide::decide(&state, command, now)?;
        }
        Ok(())
    }
}

impl Shared {
    /// Held while a next header is made, delivered and logged. Taken before [`Self::alone`].
    pub(super) fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody seals a record meanwhile, and what was sealed is durable.
    pub(super) fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.sealing.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on this is the root key, unless the store was sealed meanwhile: then it stays
    /// sealed.
    pub(super) fn use_root(&self, before: &Arc<Root>, unsealed: Unsealed) {
        let (log, opened) = (Arc::clone(&before.log), Arc::clone(&before.opened));
        self.replace_root(before, Root { unsealed, log, opened });
    }
}

pub(super) fn header_item(header: &EpochHeader) -> ItemChange {
    let name = epoch_name(header.epoch().number());
    ItemChange::Put(Shelf::Root, Item { name, bytes: header.bytes().to_vec() })
}

/// What the log says of a header.
pub(super) fn mark(header: &EpochHeader) -> HeaderMark {
    HeaderMark {
        epoch: number_of(header.epoch()),
        counter: header.counter().number(),
        digest: Digest::of(header.bytes()),
    }
}
