//! A store for tests: everything real but the clock, the medium and the pins.

use std::sync::Arc;

use keyward::{Keyward, Parts, keystore::KeyStores};
use keyward_barrier::{Cost, SlotLabel, Terms};
use keyward_crypto::secret::LockPolicy;
use keyward_keystore::Software;
use keyward_lifecycle::{id::ActorId, profile::Profile, time::Timestamp};
use keyward_storage::memory::Memory;
use keyward_testkit::{clock::FakeClock, pins::MemoryPins};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct World {
    pub(crate) parts: Parts,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) keyward: Keyward,
    pub(crate) actor: ActorId,
}

pub(crate) fn parts(clock: &Arc<FakeClock>) -> Parts {
    Parts {
        storage: Arc::new(Memory::new()),
        pins: Arc::new(MemoryPins::default()),
        clock: clock.clone(),
        key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
    }
}

pub(crate) fn terms() -> Terms {
    Terms {
        cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).expect("the least cost"),
        label: SlotLabel::parse("password").expect("a label"),
        memory: LockPolicy::Strict,
        now: Timestamp::EPOCH,
    }
}

pub(crate) fn world(at: &str) -> World {
    let clock = Arc::new(FakeClock::at(at));
    let parts = parts(&clock);
    let profiles = Profile::built_in().to_vec();
    let keyward = Keyward::create(&parts, PASSWORD.into(), terms(), profiles).expect("a new store");
    let actor = keyward.actor("local:0").expect("an actor");
    World { parts, clock, keyward, actor }
}
