//! `keyward authority …`.

use std::path::{Path, PathBuf};

use keyward_crypto::{
    signing::PrivateKey,
    spki::{self, algorithm_of_spki},
};
use keyward_lifecycle::{
    algorithm::Algorithm,
    authority::{AUTHORITY_KEYS_MAX, AUTHORITY_PAYLOAD_TYPE, Authority, AuthorityKey},
    envelope::{Envelope, Signature, pae},
    id::{Fingerprint, KeyId},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::key::put;
use crate::{
    args::{AuthorityPropose, AuthoritySign, AuthorityVerb},
    exit::Failure,
    input,
    render::{self, Document},
    session::Session,
    transport::Request,
};

pub(super) fn run(session: &mut Session<'_>, verb: AuthorityVerb) -> Result<(), Failure> {
    match verb {
        AuthorityVerb::Show { version } => {
            let shown = session.ask(&Request::get("/authority").with("version", version))?;
            session.emit(&shown, render::authority::document)
        }
        AuthorityVerb::Export { version, out } => {
            let out = session.destination(out.as_deref())?;
            let request = Request::get("/authority/envelope").with("version", version);
            let envelope = session.send(&request)?;
            session.deliver(&envelope, &out)
        }
        AuthorityVerb::Propose(propose) => self::propose(session, propose),
        AuthorityVerb::Sign(sign) => self::sign(session, &sign),
        AuthorityVerb::Install { files } => install(session, &files),
    }
}

fn propose(session: &mut Session<'_>, propose: AuthorityPropose) -> Result<(), Failure> {
    let AuthorityPropose { keys, keep_keys, threshold, expires, no_expiry, out } = propose;
    let destination = session.destination(out.as_deref())?;
    let newest = session.send(&Request::get("/authority/envelope"))?;
    let newest = Envelope::parse(&newest).map_err(|error| Failure::of(&error))?;
    let mut next = Authority::parse(newest.payload()).map_err(|error| Failure::of(&error))?;
    next.version = next.version.saturating_add(1);
    if !keys.is_empty() && !keep_keys {
        next.keys.clear();
    }
    for (key_id, file) in keys {
        let key = public_key(session, key_id, &file)?;
        if next.keys.iter().any(|known| known.key_id == key.key_id) {
            let what = format!("two keys of the authority would be called {}", key.key_id);
            return Err(Failure::error(what).hint("give each a name of its own"));
        }
        next.keys.push(key);
    }
    if next.keys.len() > AUTHORITY_KEYS_MAX {
        let keys = next.keys.len();
        let what =
            format!("{keys} keys are too many: an authority has at most {AUTHORITY_KEYS_MAX}");
        return Err(Failure::error(what).hint("name fewer with --key"));
    }
    next.threshold = threshold.unwrap_or(next.threshold);
    next.expires_at = if no_expiry { None } else { expires.or(next.expires_at) };
    let now = session.surroundings.clock.now();
    if let Some(end) = next.expires_at
        && next.has_expired(now)
    {
        let what = format!("the authority would end at {end}, and it is {now} now");
        return Err(
            Failure::error(what).hint("name a later end with --expires, or say --no-expiry")
        );
    }
    let reachable =
        (1..=u32::try_from(next.keys.len()).unwrap_or(u32::MAX)).contains(&next.threshold);
    if !reachable {
        let (threshold, keys) = (next.threshold, next.keys.len());
        return Err(Failure::error(format!("{threshold} of {keys} keys cannot sign")));
    }
    // Indented, so that whoever is to sign it can read it.
    let text = format!("{:#}\n", serde_json::to_value(&next).unwrap_or(Value::Null));
    session.deliver(text.as_bytes(), &destination)?;
    if let Some(out) = out {
        let file = out.display();
        session.note(format_args!(
            "hint: let the holders sign it with `keyward authority sign {file} --private-key KEY \
             --out SIGNED`, and take it in with `keyward authority install`"
        ))?;
    }
    Ok(())
}

fn public_key(
    session: &mut Session<'_>,
    key_id: KeyId,
    file: &Path,
) -> Result<AuthorityKey, Failure> {
    let text = input::read_text(session, file)?;
    let named = |what: String| Failure::error(format!("{}: {what}", file.display()));
    let spki = spki::from_pem(&text).map_err(|error| named(error.to_string()))?;
    match algorithm_of_spki(&spki) {
        Ok(Algorithm::Ed25519) => Ok(AuthorityKey { key_id, public_key: spki::to_pem(&spki) }),
        Ok(_) | Err(_) => Err(named("not an Ed25519 key".to_owned())
            .hint("make one with `openssl genpkey -algorithm ed25519`")),
    }
}

/// A proposed version on its way to its signers.
struct Proposal {
    document: Authority,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

impl Proposal {
    /// Reads the document alone, however it is indented, or an envelope around it.
    fn read(session: &mut Session<'_>, file: &Path) -> Result<Self, Failure> {
        let bytes = input::read(session, file, input::DOCUMENT_BYTES_MAX)?;
        let named =
            |what: &dyn std::error::Error| Failure::error(format!("{}: {what}", file.display()));
        let is_signed = input::json(&bytes, file)?.get("payload").is_some();
        let (payload, signatures) = if is_signed {
            let envelope = Envelope::parse(&bytes).map_err(|error| named(&error))?;
            if envelope.payload_type() != AUTHORITY_PAYLOAD_TYPE {
                let what = format!("{} is no authority document", file.display());
                return Err(Failure::error(what));
            }
            (envelope.payload().to_vec(), envelope.signatures().to_vec())
        } else {
            let document = Authority::read(&bytes).map_err(|error| named(&error))?;
            (document.to_payload().map_err(|error| named(&error))?, Vec::new())
        };
        let document = Authority::parse(&payload).map_err(|error| named(&error))?;
        Ok(Self { document, payload, signatures })
    }

    /// What a key is called in the document; `None` if it is not one of its keys.
    fn name_of(&self, spki: &[u8]) -> Option<&KeyId> {
        let is_it =
            |key: &&AuthorityKey| spki::from_pem(&key.public_key).is_ok_and(|found| found == spki);
        self.document.keys.iter().find(is_it).map(|key| &key.key_id)
    }

    fn shown(&self) -> Document {
        let Authority { version, root_id, threshold, expires_at, .. } = &self.document;
        let key = |key: &AuthorityKey| {
            let spki = spki::from_pem(&key.public_key).ok();
            let fingerprint = spki.map(|spki| Fingerprint::of_spki(&spki).to_string());
            json!({ "keyId": key.key_id, "fingerprint": fingerprint })
        };
        Document::from(json!({
            "version": version,
            "rootId": root_id,
            "threshold": threshold,
            "expiresAt": expires_at,
            "keys": self.document.keys.iter().map(key).collect::<Vec<_>>(),
        }))
    }

    fn to_json(&self) -> Result<Vec<u8>, Failure> {
        let mut signatures = self.signatures.iter().cloned();
        let first = signatures.next().ok_or_else(|| Failure::error("nobody has signed it"))?;
        let mut envelope = Envelope::new(AUTHORITY_PAYLOAD_TYPE, self.payload.clone(), first)
            .map_err(|error| Failure::of(&error))?;
        for signature in signatures {
            envelope.push(signature).map_err(|error| Failure::of(&error))?;
        }
        let mut json = envelope.to_json().map_err(|error| Failure::of(&error))?;
        json.push(b'\n');
        Ok(json)
    }
}

fn sign(session: &mut Session<'_>, sign: &AuthoritySign) -> Result<(), Failure> {
    let AuthoritySign { file, private_key, out } = sign;
    let out = session.destination(out.as_deref())?;
    let mut proposal = Proposal::read(session, file)?;
    let pem = Zeroizing::new(input::read_text(session, private_key)?);
    let named =
        |what: &dyn std::error::Error| Failure::error(format!("{}: {what}", private_key.display()));
    let key = PrivateKey::from_pkcs8_pem(&pem).map_err(|error| named(&error))?;
    if key.algorithm() != Algorithm::Ed25519 {
        let (file, algorithm) = (private_key.display(), key.algorithm());
        let what = format!("{file}: a key of {algorithm}, and an authority's are Ed25519");
        return Err(
            Failure::error(what).hint("sign with the private key of one that the document names")
        );
    }
    let name = proposal.name_of(key.spki()).map(ToString::to_string);
    // Whoever signs sees what.
    let shown = render::authority::proposal(&proposal.shown());
    session.note(shown.trim_end())?;
    if name.is_none() {
        let fingerprint = Fingerprint::of_spki(key.spki());
        session.note(format_args!(
            "warning: {fingerprint} is not one of its keys; it counts only if it is a key of the \
             version before"
        ))?;
    }
    let message = pae(AUTHORITY_PAYLOAD_TYPE, &proposal.payload);
    let signature = key.sign(&message).map_err(|error| named(&error))?;
    if proposal.signatures.iter().any(|known| known.signature == signature) {
        session.note("note: this key has signed it before")?;
    } else {
        proposal.signatures.push(Signature { key_id: name, signature });
    }
    let signed = proposal.to_json()?;
    session.deliver(&signed, &out)
}

fn install(session: &mut Session<'_>, files: &[PathBuf]) -> Result<(), Failure> {
    let mut proposals = files.iter();
    let first = proposals.next().ok_or_else(|| Failure::error("name a file"))?;
    let mut proposal = Proposal::read(session, first)?;
    for file in proposals {
        let more = Proposal::read(session, file)?;
        if more.payload != proposal.payload {
            let (file, first) = (file.display(), first.display());
            return Err(Failure::error(format!("{file} and {first} are not the same document"))
                .hint("let all holders sign the same file"));
        }
        proposal.signatures.extend(more.signatures);
    }
    let text = String::from_utf8(proposal.payload)
        .map_err(|_| Failure::error("the document is not text in UTF-8"))?;
    let signatures = proposal.signatures.iter().map(|Signature { key_id, signature }| {
        let mut document = json!({ "sig": input::base64(signature) });
        put(&mut document, "keyid", key_id.clone());
        document
    });
    let body = json!({ "document": text, "signatures": signatures.collect::<Vec<_>>() });
    let installed = session.ask(&Request::post("/authority", body))?;
    session.emit(&installed, render::authority::document)?;
    session.note(
        "hint: verifiers who pin a version from before follow the next export, `keyward audit \
         export`",
    )
}
