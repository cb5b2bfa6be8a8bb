//! A change of the password is a change of the way in, and of nothing behind it.

use keyward::{
    secret::{Asker, path::SecretPath, policy::Subject},
    storage::{Item, Shelf},
};

use crate::store::{PASSWORD, World, terms, world};

const OTHER: &str = "seven other words of nobody at all";

fn items(world: &World, shelf: Shelf) -> Vec<Item> {
    world.parts.storage.items(shelf, None, 1000).expect("items")
}

#[test]
fn a_change_of_the_password_leaves_every_record_as_it_was() {
    // RK-013
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.generate("k2");
    let by = Asker { actor: world.actor.clone(), subject: Subject::Admin };
    let path = SecretPath::parse("app/db").expect("a path");
    for value in [b"one", b"two"] {
        world.keyward.put_secret(&by, &path, value, None).expect("written");
    }
    let (records, headers) = (items(&world, Shelf::Record), items(&world, Shelf::Root));
    assert!(records.len() >= 5, "keys, path, values: {}", records.len());
    let new = (None, terms().cost);
    let changed = world.keyward.change_password(&world.actor, PASSWORD.into(), OTHER.into(), new);
    changed.expect("a change");
    assert_eq!(items(&world, Shelf::Record), records);
    assert_ne!(items(&world, Shelf::Root), headers, "the slot is another one");
    world.keyward.seal();
    world.keyward.unseal(OTHER.into()).expect("the new password");
    world.sign("k1", "a");
    let read = world.keyward.secret(&by, &path, None).expect("a value");
    assert_eq!(read.value.expose(), b"two");
}
