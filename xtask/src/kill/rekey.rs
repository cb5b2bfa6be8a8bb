//! `cargo xtask kill --records N`: SIGKILL at random moments of a rotation of the root key, over
//! a store of N secrets.
//!
//! Each round starts the server, which goes on with the rotation by itself; what is complete is
//! finalised, or now and then rolled back, and the next one begins. Beside it one client signs and one
//! reads secrets, and neither is to be refused. After the kill the store must be whole: secrets
//! that were written before any round are read again, all of them at the end.

use super::client::{Answer, Client};
use super::store::Store;
use super::{Chance, Plan};
use crate::Failure;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Clients that write the secrets before the first round.
const WRITERS: u64 = 8;
/// The earliest and the latest moment at which a server is killed, after it listens.
const LIVES_MILLIS: (u64, u64) = (20, 1500);
/// Secrets that are read after each kill.
const SAMPLE: u64 = 100;
/// One rotation in so many is rolled back.
const BACK_ONE_IN: u64 = 4;
/// And then in one round of so many.
const BACK_SOON: u64 = 3;

/// What all rounds come to.
#[derive(Debug, Default)]
struct Tally {
    begun: u64,
    finalised: u64,
    turned_back: u64,
    signed: u64,
    read: u64,
}

/// Fills the store and kills its server as planned.
pub(super) fn run(store: &Store, plan: &Plan, records: u64) -> Result<(), Failure> {
    let server = store.serve()?;
    println!("==> {records} secrets");
    fill(&store.socket(), records)?;
    server.kill()?;
    let (mut tally, mut chance) = (Tally::default(), Chance(plan.seed));
    for round in 1..=plan.times {
        one(store, (round, records), &mut chance, &mut tally)?;
    }
    println!("==> at the end: every secret, and the audit");
    let server = store.serve()?;
    let mut client = connect(&store.socket())?;
    for number in 0..records {
        check(&mut client, number)?;
    }
    server.kill()?;
    store.succeeds(&["audit", "verify"])?;
    let Tally { begun, finalised, turned_back, signed, read } = tally;
    println!(
        "==> killed {} times over {records} secrets: {begun} rotations of the root key begun, \
         {finalised} finalised, {turned_back} turned back; {signed} signatures and {read} reads \
         beside them, none refused; every secret is whole",
        plan.times
    );
    Ok(())
}

fn one(
    store: &Store,
    (round, records): (u64, u64),
    chance: &mut Chance,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let server = store.serve()?;
    let socket = store.socket();
    let mut client = connect(&socket)?;
    for _ in 0..SAMPLE.min(records) {
        check(&mut client, chance.within((0, records.saturating_sub(1))))?;
    }
    let did = go_on(store, &mut client, (round, chance), tally)?;
    let life = Duration::from_millis(chance.within(LIVES_MILLIS));
    let start = chance.within((0, records.saturating_sub(1)));
    let signer = {
        let socket = socket.clone();
        std::thread::spawn(move || sign(&socket))
    };
    let reader = std::thread::spawn(move || read(&socket, start, records));
    std::thread::sleep(life);
    server.kill()?;
    let ended = |thread: std::thread::JoinHandle<Result<u64, Failure>>| {
        thread.join().map_err(|_| Failure::new("a client panicked; see above"))?
    };
    let (signed, read) = (ended(signer)?, ended(reader)?);
    tally.signed = tally.signed.saturating_add(signed);
    tally.read = tally.read.saturating_add(read);
    println!(
        "    {round}: {did}; killed after {} ms; {signed} signatures, {read} reads",
        life.as_millis()
    );
    Ok(())
}

/// Ends what is complete, begins what is not begun.
fn go_on(
    store: &Store,
    client: &mut Client,
    (round, chance): (u64, &mut Chance),
    tally: &mut Tally,
) -> Result<&'static str, Failure> {
    let view = done(client.get("/v1/root-key"), 200)?;
    let rotation = view.get("rotation");
    let is = |member: &str, value: &Value| rotation.and_then(|r| r.get(member)) == Some(value);
    if rotation.is_some() && !is("complete", &json!(true)) {
        let to = rotation.and_then(|rotation| rotation.get("to")).and_then(Value::as_u64);
        let turns = to.is_some_and(|to| to.is_multiple_of(BACK_ONE_IN));
        if turns && is("direction", &json!("forth")) && chance.within((1, BACK_SOON)) == 1 {
            done(client.post("/v1/root-key/rotation/rollback", &json!({})), 200)?;
            tally.turned_back = tally.turned_back.saturating_add(1);
            return Ok("turned back");
        }
        return Ok("went on");
    }
    if rotation.is_some() && is("direction", &json!("back")) {
        return Ok("is about to be rolled back");
    }
    let back_up = |name: String| store.succeeds(&["root", "backup", "--out", &name]);
    if rotation.is_some() {
        back_up(format!("root-{round}.during"))?;
        done(client.post("/v1/root-key/rotation/finalise", &json!({})), 200)?;
        tally.finalised = tally.finalised.saturating_add(1);
    }
    back_up(format!("root-{round}.backup"))?;
    done(client.post("/v1/root-key/rotation/begin", &json!({})), 201)?;
    tally.begun = tally.begun.saturating_add(1);
    Ok("began")
}

/// Signs until the server is gone.
fn sign(socket: &Path) -> Result<u64, Failure> {
    let Ok(mut client) = Client::connect(socket) else { return Ok(0) };
    for count in 0_u64.. {
        let body = json!({ "profile": "default", "payload": format!("{count:08}") });
        match client.post("/v1/sign", &body) {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => return Err(refused("a signature", &answer)),
            Err(_) => return Ok(count),
        }
    }
    Ok(0)
}

/// Reads secrets until the server is gone.
fn read(socket: &Path, start: u64, records: u64) -> Result<u64, Failure> {
    let Ok(mut client) = Client::connect(socket) else { return Ok(0) };
    for count in 0_u64.. {
        let number = start.saturating_add(count).checked_rem(records).unwrap_or(0);
        match client.get(&path(number)) {
            Ok(answer) => is_whole(number, &answer)?,
            Err(_) => return Ok(count),
        }
    }
    Ok(0)
}

fn check(client: &mut Client, number: u64) -> Result<(), Failure> {
    let answer = client.get(&path(number)).map_err(|e| Failure::new(format!("the server: {e}")))?;
    is_whole(number, &answer)
}

fn is_whole(number: u64, answer: &Answer) -> Result<(), Failure> {
    let found = answer.body.get("value").and_then(Value::as_str);
    if answer.status == 200 && found == Some(value(number).as_str()) {
        return Ok(());
    }
    Err(refused(&format!("secret {number}"), answer))
}

/// Writes the secrets, several clients at once.
fn fill(socket: &Path, records: u64) -> Result<(), Failure> {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let socket = socket.to_path_buf();
            std::thread::spawn(move || -> Result<(), Failure> {
                let mut client = connect(&socket)?;
                let mut number = writer;
                while number < records {
                    let body = json!({ "value": value(number) });
                    let answer = client.put(&path(number), &body);
                    let answer = answer.map_err(|e| Failure::new(format!("the server: {e}")))?;
                    if !(200..300).contains(&answer.status) {
                        return Err(refused("a secret", &answer));
                    }
                    number = number.saturating_add(WRITERS);
                }
                Ok(())
            })
        })
        .collect();
    for writer in writers {
        writer.join().map_err(|_| Failure::new("a client panicked; see above"))??;
    }
    Ok(())
}

fn connect(socket: &Path) -> Result<Client, Failure> {
    Client::connect(socket).map_err(|e| Failure::new(format!("{}: {e}", socket.display())))
}

fn done(answer: std::io::Result<Answer>, status: u16) -> Result<Value, Failure> {
    let answer = answer.map_err(|e| Failure::new(format!("the server: {e}")))?;
    if answer.status == status {
        return Ok(answer.body);
    }
    Err(refused("the rotation", &answer))
}

fn refused(what: &str, answer: &Answer) -> Failure {
    let detail = answer.body.get("detail").and_then(Value::as_str).unwrap_or("nothing said");
    Failure::new(format!("{what} was answered with {} {detail}", answer.status))
}

fn path(number: u64) -> String {
    format!("/v1/secrets/data/kill/{}/{number}", number % 100)
}

/// 192 characters that are base64 (digits, a multiple of four of them), different for each.
fn value(number: u64) -> String {
    format!("{number:016}").repeat(12)
}
