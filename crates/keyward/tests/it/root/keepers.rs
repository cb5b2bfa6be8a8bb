//! Keepers that are slow: what goes on meanwhile, and what becomes of their answers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use keyward::{
    Keyward,
    keeper::{Link, LinkFailed, Member, ShareBytes, ShareSet, Standing, Status},
    root::{
        RootError,
        keepers::{Found, KeepersFailed, Proof},
        slot::SlotTerms,
    },
    start::UnsealFailed,
};
use keyward_lifecycle::root::KeeperSeen;

use super::{cost, full};
use crate::{
    keeper::Near,
    store::{PASSWORD, World},
};

/// How long a slow keeper waits at most to be let go on, should that never come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A keeper that answers the next question when it is told to, and says when it is asked.
struct Slow {
    near: Arc<Near>,
    gate: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl Slow {
    fn before(near: &Arc<Near>) -> (Arc<Self>, Receiver<()>, Sender<()>) {
        let ((asked, is_asked), (go, may_go)) = (channel(), channel());
        let slow = Self { near: near.clone(), gate: Mutex::new(Some((asked, may_go))) };
        (Arc::new(slow), is_asked, go)
    }

    fn wait(&self) -> Result<(), LinkFailed> {
        let Some((asked, may_go)) = self.gate.lock().expect("no panic").take() else {
            return Ok(());
        };
        asked.send(()).expect("somebody waits");
        may_go
            .recv_timeout(PATIENCE)
            .map_err(|_| LinkFailed::Unreachable("nobody let it go on".to_owned()))
    }
}

impl Link for Slow {
    fn status(&self) -> Result<Status, LinkFailed> {
        self.wait()?;
        self.near.status()
    }

    fn put(&self, share: &ShareBytes, standing: Standing) -> Result<(), LinkFailed> {
        self.near.put(share, standing)
    }

    fn fetch(&self, set: Option<ShareSet>) -> Result<Vec<ShareBytes>, LinkFailed> {
        self.wait()?;
        self.near.fetch(set)
    }

    fn clear(&self) -> Result<(), LinkFailed> {
        self.near.clear()
    }
}

/// Two keepers, both of which are needed.
struct Two {
    world: World,
    near: [Arc<Near>; 2],
}

impl Two {
    fn new() -> Self {
        let two = Self { world: full(), near: [Near::new(), Near::new()] };
        two.split();
        two
    }

    fn split(&self) {
        let members = self.members();
        let mut deliver =
            |shares: Vec<_>, standing| Keyward::deliver_to(&members, &shares, standing);
        let names = ["a", "b"].map(str::to_owned);
        let World { keyward, actor, .. } = &self.world;
        keyward.set_keepers(actor, 2, &names, &mut deliver).expect("keepers");
    }

    fn members(&self) -> Vec<Member> {
        let near = ["a", "b"].into_iter().zip(&self.near);
        near.map(|(name, near)| Member { name: name.to_owned(), link: near.clone() }).collect()
    }

    /// Begins what asks the keepers, does `meanwhile` while one of them lets wait for its answer,
    /// and gives what came of it.
    fn while_asked<T: Send>(
        &self,
        ask: impl FnOnce(&[Member]) -> T + Send,
        meanwhile: impl FnOnce(),
    ) -> T {
        let (slow, is_asked, go) = Slow::before(&self.near[0]);
        let mut members = self.members();
        members[0].link = slow;
        std::thread::scope(|threads| {
            let asking = threads.spawn(move || ask(&members));
            is_asked.recv_timeout(PATIENCE).expect("a question");
            meanwhile();
            // Whoever waited until now has gone.
            let _ = go.send(());
            asking.join().expect("an answer")
        })
    }

    fn look(&self, members: &[Member]) -> Result<Vec<Found>, RootError> {
        let mut last = HashMap::new();
        self.world.keyward.attend_keepers(&self.world.actor, members, &mut last, Proof::All)
    }

    fn held(&self) -> [Vec<String>; 2] {
        self.near.each_ref().map(|near| {
            let shares = near.keeper.status().shares;
            shares.iter().map(|share| share.set.to_string()).collect()
        })
    }
}

fn seen(found: Result<Vec<Found>, RootError>) -> Vec<KeeperSeen> {
    found.expect("a look").into_iter().map(|found| found.seen).collect()
}

#[test]
fn a_slot_is_added_while_a_keeper_lets_wait_for_its_answer() {
    let two = Two::new();
    let World { keyward, actor, .. } = &two.world;
    let add = || {
        let terms = SlotTerms { label: "second", cost: cost() };
        let added = keyward.add_password(actor, "nine words of somebody else".into(), terms);
        let _ = added.expect("a slot");
    };
    let found = two.while_asked(|members| two.look(members), add);
    assert_eq!(seen(found), [KeeperSeen::Sound, KeeperSeen::Sound]);
}

#[test]
fn keepers_that_get_other_shares_while_they_are_asked_keep_those_and_nothing_is_said_of_them() {
    // RK-051
    let two = Two::new();
    let before = two.held();
    two.near[1].keeper.clear();
    let overtaken = two.while_asked(|members| two.look(members), || two.split());
    assert!(matches!(overtaken, Err(RootError::Overtaken)), "{overtaken:?}");
    let after = two.held();
    assert_ne!(after, before);
    assert_eq!(after.each_ref().map(Vec::len), [1, 1]);
    assert_eq!(two.world.facts("ROOT_KEEPER_SEEN").len(), 0);
    assert_eq!(seen(two.look(&two.members())), [KeeperSeen::Sound, KeeperSeen::Sound]);
    assert_eq!(two.held(), after);
}

#[test]
fn an_empty_keeper_is_filled_though_another_takes_its_time() {
    // RK-050
    let two = Two::new();
    let before = two.held();
    two.near[1].keeper.clear();
    let found = two.while_asked(|members| two.look(members), || ());
    assert_eq!(seen(found), [KeeperSeen::Sound, KeeperSeen::Refilled]);
    assert_eq!(two.held(), before);
}

/// Seals while the keepers are asked for their shares, after what `before` does.
#[track_caller]
fn stays_sealed(before: impl FnOnce(&World)) {
    let two = Two::new();
    let World { keyward, actor, .. } = &two.world;
    keyward.seal_by(actor);
    let seal = || {
        before(&two.world);
        keyward.seal_by(actor);
    };
    let unsealed = two.while_asked(|members| keyward.unseal_by_keepers(actor, members), seal);
    let sealed = KeepersFailed::Root(RootError::Unseal(UnsealFailed::SealedMeanwhile)).to_string();
    assert_eq!(unsealed.expect_err("somebody sealed it").to_string(), sealed);
    assert!(!keyward.is_unsealed());
    assert_eq!(two.world.facts("ROOT_ACCESS_REFUSED").len(), 0);
    let _ = keyward.unseal_by_keepers(actor, &two.members()).expect("nobody seals it now");
    two.world.serves("end");
}

#[test]
fn a_store_that_is_unsealed_and_sealed_while_keepers_are_asked_stays_sealed() {
    // RK-050
    stays_sealed(|world| world.keyward.unseal(PASSWORD.into()).expect("the password"));
}

#[test]
fn who_seals_a_store_that_keepers_are_about_to_unseal_has_it_sealed() {
    stays_sealed(|_| ());
}
