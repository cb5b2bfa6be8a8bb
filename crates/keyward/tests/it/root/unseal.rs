//! The way in: wrong attempts change nothing and slow down; an older header is not followed.

use keyward::{
    root::RootError,
    start::UnsealFailed,
    storage::{Batch, Item, ItemChange, Shelf},
};

use super::{cost, full, is_wrong_password};
use crate::store::PASSWORD;

#[test]
fn wrong_attempts_are_logged_and_slow_the_next_one_down() {
    // RK-030, RK-042
    let world = full();
    world.keyward.seal();
    let try_wrong = || world.keyward.unseal_with_password(&world.actor, "no such word".into());
    for _ in 0..3 {
        is_wrong_password(try_wrong());
    }
    let soon = world.keyward.unseal_with_password(&world.actor, PASSWORD.into());
    assert!(matches!(soon, Err(RootError::Unseal(UnsealFailed::TooSoon { .. }))), "{soon:?}");
    world.clock.advance(2);
    is_wrong_password(try_wrong());
    world.clock.advance(1);
    let soon = world.keyward.unseal_with_password(&world.actor, PASSWORD.into());
    assert!(matches!(soon, Err(RootError::Unseal(UnsealFailed::TooSoon { .. }))), "{soon:?}");
    // A restart is no way round it.
    let world = world.crashed_sealed();
    let soon = world.keyward.unseal_with_password(&world.actor, PASSWORD.into());
    assert!(matches!(soon, Err(RootError::Unseal(UnsealFailed::TooSoon { .. }))), "{soon:?}");
    world.clock.advance(60);
    world.keyward.unseal_with_password(&world.actor, PASSWORD.into()).expect("the password");
    assert_eq!(world.facts("ROOT_ACCESS_REFUSED").len(), 4);
    assert_eq!(world.facts("ROOT_UNSEALED").len(), 1);
    world.keyward.seal_by(&world.actor);
    assert_eq!(world.facts("ROOT_SEALED").len(), 1);
    world.keyward.unseal_with_password(&world.actor, PASSWORD.into()).expect("at once");
}

#[test]
fn an_older_header_in_the_place_of_the_newest_is_noticed() {
    // RK-052
    let world = full();
    let name = 1_u32.to_be_bytes().to_vec();
    let old = world.parts.storage.item(Shelf::Root, &name).expect("read").expect("a header");
    let other = "seven other words of nobody at all";
    world
        .keyward
        .change_password(&world.actor, PASSWORD.into(), other.into(), (None, cost()))
        .expect("a change");
    world.keyward.seal();
    let heads = world.parts.storage.heads().expect("heads");
    let items = vec![ItemChange::Put(Shelf::Root, Item { name, bytes: old })];
    world.parts.storage.append(heads, &Batch { items, ..Batch::default() }).expect("written");
    let back = world.keyward.unseal_with_password(&world.actor, PASSWORD.into());
    let noticed = matches!(back, Err(RootError::Unseal(UnsealFailed::AnotherHeader { .. })));
    assert!(noticed, "{back:?}");
}
