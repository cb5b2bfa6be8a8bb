//! Certificates that say who a workload is, and what is made of them.

use std::{fs, path::PathBuf, sync::OnceLock};

use keyward_lifecycle::spiffe::{SpiffeId, TrustDomain};
use keyward_server::{
    config::{IdentityConfig, IdentityFiles, IdentitySource},
    mtls::{
        Identity, Role,
        svid::{Bundle, CERTIFICATES_MAX, Chain, Svid, key_from_pem},
    },
};
use keyward_testkit::pki::{Authority, KeyUsage};
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Bytes as a certificate in DER, or as the three files of an identity with a zero byte between
/// them: the chain, the key, the authorities.
pub(crate) fn svid(bytes: &[u8]) {
    der(bytes);
    let mut parts = bytes.split(|byte| *byte == 0);
    let chain = parts.next().unwrap_or_default();
    let (key, bundle) = (parts.next().unwrap_or(chain), parts.next().unwrap_or(chain));
    let read = Chain::from_pem(chain).ok();
    if let Some(chain) = &read {
        assert!((1..=CERTIFICATES_MAX).contains(&chain.certificates.len()));
        assert_eq!(Svid::read(&chain.certificates[0]).ok().as_ref(), Some(&chain.svid));
        chain.certificates.iter().for_each(|certificate| der(certificate));
        // What signs others is no workload.
        for signer in &chain.certificates[1..] {
            assert!(Svid::read(signer).is_err(), "a workload signs");
        }
    }
    let authorities = Bundle::from_pem(bundle).ok();
    if let Some(bundle) = &authorities {
        assert!((1..=CERTIFICATES_MAX).contains(&bundle.authorities.len()));
    }
    let whole = read.is_some() && authorities.is_some() && key_from_pem(key).is_ok();
    if let Some(identity) = opened([chain, key, bundle]) {
        assert!(whole, "an identity of parts that cannot be read");
        let svid = read.expect("it was read").svid;
        assert_eq!((identity.id(), identity.expires()), (svid.id.clone(), svid.expires));
        assert_eq!(svid.id.trust_domain().as_str(), TRUST_DOMAIN);
        assert_eq!(Role::of(&svid.id), Some(Role::Server));
        assert!(authorities.expect("they were read").check().is_ok(), "a workload is believed");
        assert!(identity.server_config().is_ok());
    }
}

/// One certificate: an X509-SVID has exactly one URI, which names a workload, and is no
/// authority's. Another library finds the same name in it.
fn der(der: &[u8]) {
    let certificate = CertificateDer::from(der.to_vec());
    let bundle = Bundle::new(vec![certificate.clone()]);
    let Ok(svid) = Svid::read(der) else { return };
    let id = svid.id.to_string();
    assert_eq!(SpiffeId::parse(&id).as_ref(), Ok(&svid.id));
    assert!(svid.id.path().starts_with('/'), "{id} names no workload");
    let found = der.windows(id.len()).any(|window| window == id.as_bytes());
    assert!(found, "{id} is not in the certificate");
    if let Ok(other) = EndEntityCert::try_from(&certificate) {
        assert_eq!(other.valid_uri_names().collect::<Vec<_>>(), [&*id]);
    }
    let bundle = bundle.expect("a certificate");
    assert!(bundle.check().is_err(), "{id} may sign others");
    let longer = [der, &[0]].concat();
    assert!(Svid::read(&longer).is_err(), "something is behind the certificate");
}

const TRUST_DOMAIN: &str = "example.org";

/// The identity of a server that files with these contents make.
fn opened(contents: [&[u8]; 3]) -> Option<Identity> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("keyward-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    });
    // What has no certificate needs no file.
    if !contents[0].starts_with(b"-----BEGIN") {
        return None;
    }
    let [certificate, key, bundle] = ["crt", "key", "ca"].map(|name| folder.join(name));
    for (path, content) in [&certificate, &key, &bundle].into_iter().zip(contents) {
        fs::write(path, content).expect("a file");
    }
    let trust_domain = TrustDomain::parse(TRUST_DOMAIN).expect("a good name");
    let source = IdentitySource::Files(IdentityFiles { certificate, key, bundle });
    let config = IdentityConfig { trust_domain, source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(Identity::open(&config, Role::Server)).ok()
}

/// Certificates that are good and certificates that break one rule each, and identities of them.
pub(crate) fn made() -> Vec<Vec<u8>> {
    let authority = Authority::new();
    let server = "spiffe://example.org/keyward/server";
    let good = authority.gives(server);
    let others = [
        authority.gives("spiffe://example.org/keyward/operator/alice"),
        authority.gives("spiffe://example.com/keyward/server"),
        authority.gives("spiffe://example.org"),
        authority.gave(server),
        authority.gives_with(server, |terms| {
            let name = terms.subject_alt_names[0].clone();
            terms.subject_alt_names.push(name);
        }),
        authority.gives_with(server, |terms| terms.key_usages.push(KeyUsage::KeyCertSign)),
        authority.gives_with(server, |terms| terms.key_usages.clear()),
    ];
    let mut made = vec![authority.der()];
    for given in [good].into_iter().chain(others) {
        let parts = [&*given.certificate, &*given.key, &*authority.pem()];
        made.push(parts.join("\0").into_bytes());
        let chain = format!("{}{}", given.certificate, authority.pem());
        made.push([&*chain, &*given.key, &*chain].join("\0").into_bytes());
        made.push(given.certificate_der);
    }
    made
}
