//! TLS from files that change.

use std::{path::Path, process::Command};

use keyward_server::{
    config::TlsFiles,
    serve::{Listeners, ServeError, ServeOptions, TlsError},
};
use reqwest::Certificate;

use crate::{listener::Running, world};

/// A certificate for 127.0.0.1 that vouches for itself, with its key.
fn certificate(directory: &Path, name: &str) -> TlsFiles {
    let files = TlsFiles {
        certificate: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "30", "-subj", &format!("/CN={name}")])
        .args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-keyout")
        .arg(&files.key)
        .arg("-out")
        .arg(&files.certificate)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    files
}

/// Whether a client that trusts that certificate alone gets an answer, over a new connection.
async fn answers(base: &str, trusted: &Path) -> bool {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let pem = std::fs::read(trusted).expect("a certificate");
    let certificate = Certificate::from_pem(&pem).expect("PEM");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build();
    let answer = client.expect("a client").get(format!("{base}/healthz")).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_replaced_is_served_without_a_restart() {
    let world = world::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (old, new) = (certificate(directory.path(), "old"), certificate(directory.path(), "new"));
    let files = TlsFiles {
        certificate: directory.path().join("tls.pem"),
        key: directory.path().join("tls.key"),
    };
    let put = |from: &TlsFiles| {
        std::fs::copy(&from.certificate, &files.certificate).expect("copied");
        std::fs::copy(&from.key, &files.key).expect("copied");
    };
    put(&old);
    let options = ServeOptions {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        tls: Some(files.clone()),
        ..ServeOptions::default()
    };
    let running = Running::start(&world, &options);
    let base = format!("https://{}", running.address.expect("an address"));
    assert!(answers(&base, &old.certificate).await);
    assert!(!answers(&base, &new.certificate).await);

    put(&new);
    let served = async { while !answers(&base, &new.certificate).await {} };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, served).await.expect("the new certificate is served");
    assert!(!answers(&base, &old.certificate).await);

    // Half a replacement changes nothing: the key in use stays.
    std::fs::copy(&old.certificate, &files.certificate).expect("copied");
    assert!(answers(&base, &new.certificate).await);
    running.stop().await;
}

#[test]
fn files_that_cannot_be_used_stop_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, two) = (certificate(directory.path(), "one"), certificate(directory.path(), "two"));
    let bind = |certificate: &Path, key: &Path| {
        let tls = TlsFiles { certificate: certificate.to_owned(), key: key.to_owned() };
        Listeners::bind(&ServeOptions { tls: Some(tls), ..ServeOptions::default() })
    };
    let error = bind(&one.certificate, &two.key).expect_err("another's key");
    assert!(matches!(error, ServeError::Tls(TlsError::Unusable { .. })), "{error}");
    let error = bind(&one.key, &one.key).expect_err("no certificate");
    assert!(matches!(error, ServeError::Tls(TlsError::NoCertificate(_))), "{error}");
    let error = bind(&one.certificate, &one.certificate).expect_err("no key");
    assert!(matches!(error, ServeError::Tls(TlsError::NoKey(_))), "{error}");
    let error = bind(&directory.path().join("none"), &one.key).expect_err("no file");
    assert!(matches!(error, ServeError::Tls(TlsError::Unreadable { .. })), "{error}");
}
