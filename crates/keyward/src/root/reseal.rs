//! Sealing every record anew, a batch at a time: killed at any moment it goes on from the
//! last batch that the log has (RK-021 to RK-028).

use std::sync::Arc;

use keyward_barrier::{Epoch, RecordName, ResealFailed, Unsealed, record_epoch};
use keyward_lifecycle::{
    command::{Command, Resealed, RootCommand},
    id::ActorId,
    refusal::RootRefusal,
    root::Rotation,
};

use super::RootError;
use crate::{
    engine::Keyward,
    record::of_number,
    storage::{Item, ItemChange, Shelf},
    writer::ExecuteError,
};

/// Records that one batch seals anew: few enough that who signs beside it does not wait long.
pub const RESEAL_BATCH: u32 = 128;

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResealStep {
    /// Records that were sealed anew and validated.
    pub moved: u64,
    /// Records that did not open, and were left as they are.
    pub failed: u64,
    /// Whether every record was dealt with.
    pub complete: bool,
}

impl Keyward {
    /// Deals with the next records of the rotation that is open, in the order of their names.
    /// Each is opened, sealed under a fresh data key, opened again and compared; only then is
    /// it written over the old one, in the transaction that logs how far this has come.
    ///
    /// # Errors
    /// [`RootError`]; the batch is done anew by the next call.
    pub fn reseal_step(&self, actor: &ActorId, limit: u32) -> Result<ResealStep, RootError> {
        let stepping = self.shared.stepping.lock();
        let mut ahead = stepping.unwrap_or_else(std::sync::PoisonError::into_inner);
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let state = self.state();
        let rotation = state.root().rotation.clone().ok_or(RootRefusal::NoRotation)?;
        let pass = rotation.pass();
        if pass.complete {
            return self.settle(actor, &root.unsealed, &rotation);
        }
        let page = Page::of(&rotation, pass.up_to.clone(), limit);
        let prepared = match ahead.take().filter(|prepared| prepared.page == page) {
            Some(prepared) => prepared,
            None => self.prepare(&root.unsealed, page)?,
        };
        let Prepared { page, up_to, items, moved, failed } = prepared;
        let complete = up_to.is_none();
        let step = ResealStep { moved, failed: failed.len() as u64, complete };
        let next = (!complete).then(|| Page { after: up_to.clone(), ..page });
        let to = rotation.sealing_epoch();
        let resealed = Resealed { to, up_to, moved, failed, settled: Vec::new() };
        let command = Command::Root(RootCommand::Reseal(resealed));
        self.execute_beside(actor, vec![command], items, || {
            // A record is written once under its name: what is read now is what it is. Should
            // this batch not come to be, the next is not the one that follows.
            *ahead = next.and_then(|next| self.prepare(&root.unsealed, next).ok());
        })?;
        Ok(step)
    }

    /// Opens and seals what one batch consists of; nothing is written.
    fn prepare(&self, root: &Unsealed, page: Page) -> Result<Prepared, RootError> {
        let after = page.after.as_ref().map(|after| after.as_bytes());
        let items = self.shared.storage.items(Shelf::Record, after, page.limit)?;
        let up_to = match items.last().map(|item| core::str::from_utf8(&item.name)) {
            None => None,
            Some(Ok(name)) => Some(Arc::from(name)),
            Some(Err(_)) => return Err(RootError::Malformed(NOT_OURS.to_owned())),
        };
        let mut batch = Batch::new(root, (page.from, page.to));
        items.into_iter().for_each(|item| batch.take(item));
        is_sound(root)?;
        let Batch { items, moved, failed, .. } = batch;
        Ok(Prepared { page, up_to, items, moved, failed })
    }

    /// Tries those again that did not open: they may have been restored, or be gone.
    fn settle(
        &self,
        actor: &ActorId,
        root: &Unsealed,
        rotation: &Rotation,
    ) -> Result<ResealStep, RootError> {
        let failed = &rotation.pass().failed;
        let (mut batch, mut settled) = (Batch::new(root, ends(rotation)), Vec::new());
        for record in failed {
            let (before, name) = (batch.failed.len(), record.as_bytes().to_vec());
            if let Some(bytes) = self.shared.storage.item(Shelf::Record, &name)? {
                batch.take(Item { name, bytes });
            }
            if batch.failed.len() == before {
                settled.push(record.clone());
            }
        }
        is_sound(root)?;
        let left = (failed.len().saturating_sub(settled.len())) as u64;
        let step = ResealStep { moved: batch.moved, failed: left, complete: true };
        if !settled.is_empty() {
            let (moved, failed) = (batch.moved, Vec::new());
            let to = rotation.sealing_epoch();
            let resealed = Resealed { to, up_to: None, moved, failed, settled };
            let command = Command::Root(RootCommand::Reseal(resealed));
            self.execute_with(actor, vec![command], batch.items)?;
        }
        Ok(step)
    }
}

/// What was sealed under a key that has changed in memory opens again until the end of the
/// process, and never after it: so the key is looked at before anything is written.
fn is_sound(root: &Unsealed) -> Result<(), RootError> {
    root.check_key()
        .map_err(|damaged| RootError::Check { check: "health", why: damaged.to_string() })
}

/// Which records a batch takes.
#[derive(Clone, PartialEq, Eq)]
struct Page {
    from: Epoch,
    to: Epoch,
    /// The last name of the batch before.
    after: Option<Arc<str>>,
    limit: u32,
}

impl Page {
    fn of(rotation: &Rotation, after: Option<Arc<str>>, limit: u32) -> Self {
        let (from, to) = ends(rotation);
        Self { from, to, after, limit: limit.clamp(1, RESEAL_BATCH_MAX) }
    }
}

/// Records that were sealed anew and are not written yet.
pub(crate) struct Prepared {
    page: Page,
    /// The last of their names; `None` when there was none any more.
    up_to: Option<Arc<str>>,
    items: Vec<ItemChange>,
    moved: u64,
    failed: Vec<Arc<str>>,
}

/// From which epoch records come, and into which they go.
fn ends(rotation: &Rotation) -> (Epoch, Epoch) {
    let (from, to) = if rotation.back.is_some() {
        (rotation.to, rotation.from)
    } else {
        (rotation.from, rotation.to)
    };
    (of_number(from), of_number(to))
}

/// Records of one batch.
struct Batch<'r> {
    root: &'r Unsealed,
    from: Epoch,
    to: Epoch,
    items: Vec<ItemChange>,
    moved: u64,
    failed: Vec<Arc<str>>,
}

impl<'r> Batch<'r> {
    const fn new(root: &'r Unsealed, (from, to): (Epoch, Epoch)) -> Self {
        Self { root, from, to, items: Vec::new(), moved: 0, failed: Vec::new() }
    }

    fn take(&mut self, item: Item) {
        // Written since the rotation began: it is there already.
        if record_epoch(&item.bytes) == Ok(self.to) {
            return;
        }
        match self.reseal(&item) {
            Ok(bytes) => {
                self.moved = self.moved.saturating_add(1);
                // One that is destroyed meanwhile does not come back.
                let item = Item { name: item.name, bytes };
                self.items.push(ItemChange::Replace(Shelf::Record, item));
            }
            Err(NotMoved) => self.failed.push(String::from_utf8_lossy(&item.name).into()),
        }
    }

    fn reseal(&self, item: &Item) -> Result<Vec<u8>, NotMoved> {
        let name = core::str::from_utf8(&item.name).map_err(|_| NotMoved)?;
        let name: RecordName = name.parse().map_err(|_| NotMoved)?;
        let moved = self.root.reseal(&name, self.from, &item.bytes, self.to);
        moved.map(|resealed| resealed.row).map_err(|_: ResealFailed| NotMoved)
    }
}

/// The record does not open, or is none.
struct NotMoved;

/// Most records of one batch.
const RESEAL_BATCH_MAX: u32 = 4096;
const NOT_OURS: &str = "a sealed record has a name that is not text; `keyward audit verify`";
