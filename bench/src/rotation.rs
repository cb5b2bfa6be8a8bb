//! Rotating a key that has been rotated a thousand times, against one that never was.

use keyward::{
    Keyward,
    rotation::{RotateMode, RotateRequest},
};
use keyward_lifecycle::{
    command::Force,
    id::{ActorId, KeyId},
};

use crate::{
    Failure,
    measure::{self, Figures},
    report::Row,
    store,
};

const VERSIONS: usize = 1_000;
const ROTATIONS: usize = 15;

pub(crate) fn run() -> Result<(), Failure> {
    let directory = store::directory()?;
    let parts = store::parts(directory.path())?;
    let (keyward, actor) = store::create(&parts)?;
    let key = store::key(&keyward, &actor, "key-2025-prod", "default")?;
    store::anchor(&keyward, &actor, "pkg:cargo/*", vec![key.clone()])?;
    let mut lineage = Lineage { keyward: &keyward, actor, key, number: 0 };
    let young = lineage.rotations(ROTATIONS)?;
    lineage.rotations(VERSIONS)?;
    let old = lineage.rotations(ROTATIONS)?;
    let ratio = old.middle() / young.middle();
    Row::new("rotate a key with 1,000 versions", format!("{:.1} ms", old.middle()))
        .ratio(format!("{ratio:.2} × one with 1 ({:.1} ms)", young.middle()))
        .spread(format!("{} ms; {} ms", old.spread(1.0, 1), young.spread(1.0, 1)))
        .target("the same as with one", ratio <= 1.1)
        .send();
    Ok(())
}

struct Lineage<'k> {
    keyward: &'k Keyward,
    actor: ActorId,
    key: KeyId,
    number: u32,
}

impl Lineage<'_> {
    /// Milliseconds of that many rotations, each from the key that the last one made.
    fn rotations(&mut self, count: usize) -> Result<Figures, Failure> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            self.number = self.number.saturating_add(1);
            let successor = KeyId::parse(&format!("key-2025-prod-{}", self.number))?;
            let request = RotateRequest {
                key_id: self.key.clone(),
                successor: Some(successor.clone()),
                mode: RotateMode::Go,
                force: Force::No,
            };
            let (done, time) = measure::timed(|| self.keyward.rotate_key(&self.actor, &request));
            done?;
            self.key = successor;
            took.push(time.as_secs_f64() * 1e3);
        }
        Ok(Figures::new(took))
    }
}
