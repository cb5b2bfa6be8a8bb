//! `keyward verify`.

mod batch;

use std::path::{Path, PathBuf};

use keyward_lifecycle::{
    id::Digest,
    purl::Purl,
    verify::{Question, judge},
};
use serde_json::{Value, json};

use super::{
    key::put,
    offline::{Offline, Proof, Terms, Trusted},
};
use crate::{
    args::{TimePolicy, Verify},
    exit::{Exit, Failure},
    input,
    render::{self, Document},
    session::Session,
    transport::Request,
};

/// Longest envelope or proof bundle that is read, in bytes.
const PROOF_BYTES_MAX: u64 = 24 << 20;

/// Where a proof comes from.
enum Source {
    File(PathBuf),
    /// The store's own, by its content id.
    Stored(String),
}

pub(super) fn run(session: &mut Session<'_>, verify: &Verify) -> Result<Exit, Failure> {
    let offline = match &verify.trust {
        Some(file) => {
            let terms = Terms {
                trusted: Trusted {
                    authority: verify.authority.as_ref(),
                    allow_expired: verify.allow_expired,
                },
                max_view_age: verify.max_view_age,
                as_of: verify.as_of,
            };
            Some(Offline::read(session, file, &terms)?)
        }
        None => None,
    };
    if let Some(path) = &verify.batch {
        return batch::run(session, verify, path, offline.as_ref());
    }
    let artifact = match &verify.artifact {
        Some(file) => Some(input::digest_of_file(file)?),
        None => verify.digest,
    };
    let mut sources: Vec<Source> = verify.envelopes.iter().cloned().map(Source::File).collect();
    sources.extend(verify.proof_bundle.as_deref().map(source));
    let alone = sources.len() == 1;
    let mut worst = Exit::Done;
    for source in sources {
        let verdict = match &offline {
            Some(offline) => judge_here(session, verify, artifact, (offline, &source))?,
            None => ask(session, verify, artifact, &source)?,
        };
        print(session, &verdict, (!alone).then_some(&source))?;
        worst = worst.max(render::verdict::exit(&verdict));
    }
    Ok(worst)
}

fn source(text: &str) -> Source {
    let is_id = text.starts_with("sha256:") && !Path::new(text).exists();
    if is_id { Source::Stored(text.to_owned()) } else { Source::File(text.into()) }
}

/// One alone is printed whole; of several, each is a line.
fn print(
    session: &mut Session<'_>,
    verdict: &Document,
    among: Option<&Source>,
) -> Result<(), Failure> {
    let name = match among {
        Some(Source::File(path)) => path.display().to_string(),
        Some(Source::Stored(id)) => id.clone(),
        None => {
            session.emit(verdict, render::verdict::whole)?;
            return match render::verdict::hint(verdict) {
                Some(hint) if !session.is_json() => session.note(format_args!("hint: {hint}")),
                _ => Ok(()),
            };
        }
    };
    let text = line(session, verdict, &name);
    session.print(&text)
}

/// A verdict on one line: with its source, as JSON or text.
fn line(session: &Session<'_>, verdict: &Document, name: &str) -> String {
    if !session.is_json() {
        return render::verdict::line(verdict, name);
    }
    let mut members = verdict.value().clone();
    put(&mut members, "source", Some(name));
    Document::from(members).to_line()
}

fn ask(
    session: &mut Session<'_>,
    verify: &Verify,
    artifact: Option<Digest>,
    source: &Source,
) -> Result<Document, Failure> {
    let mut body = json!({ "timePolicy": verify.time_policy.name() });
    match source {
        Source::Stored(id) => put(&mut body, "proofBundle", Some(id.as_str())),
        Source::File(path) => {
            let bytes = input::read(session, path, PROOF_BYTES_MAX)?;
            let (member, document) = given(&bytes, path)?;
            put(&mut body, member, Some(document));
        }
    }
    put(&mut body, "artifactSha256", artifact.map(|digest| digest.to_string()));
    put(&mut body, "purl", verify.purl.as_deref());
    put(&mut body, "atTime", verify.at_time.map(|at| at.to_string()));
    put(&mut body, "asOf", verify.as_of.map(|at| at.to_string()));
    session.ask(&Request::post("/verify", body))
}

/// The document as a member of a request. The strict reader sees the bytes first: a member that
/// occurs twice must not be lost on the way.
fn given(bytes: &[u8], path: &Path) -> Result<(&'static str, Value), Failure> {
    let member = match Proof::parse(bytes, path)? {
        Proof::Bare(_) => "envelope",
        Proof::Bundled(_) => "bundle",
    };
    Ok((member, input::json(bytes, path)?))
}

fn judge_here(
    session: &mut Session<'_>,
    verify: &Verify,
    artifact: Option<Digest>,
    (offline, source): (&Offline, &Source),
) -> Result<Document, Failure> {
    let path = match source {
        Source::File(path) => path,
        Source::Stored(id) => {
            return Err(Failure::error(format!("{id} is in a store, and --trust asks none"))
                .hint("write it with `keyward proof export --out FILE`, and name the file"));
        }
    };
    let bytes = input::read(session, path, PROOF_BYTES_MAX)?;
    let proof = Proof::parse(&bytes, path)?;
    let purl = match &verify.purl {
        Some(text) => Some(Purl::parse(text).map_err(|e| Failure::of(&e))?),
        None => None,
    };
    let question = Question {
        envelope: proof.envelope(),
        artifact,
        purl: purl.as_ref(),
        at: verify.at_time,
        time_policy: policy(verify.time_policy),
    };
    Ok(offline.judge(&question, &proof))
}

const fn policy(policy: TimePolicy) -> judge::TimePolicy {
    match policy {
        TimePolicy::Evidence => judge::TimePolicy::Evidence,
        TimePolicy::Claimed => judge::TimePolicy::Claimed,
    }
}
