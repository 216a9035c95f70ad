use axum::Router;
use axum::routing::get;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use tokio::io::AsyncReadExt as _;

use super::*;

/// A certificate of localhost and its key, in a folder.
fn identity(folder: &Path) -> (PathBuf, PathBuf, Vec<u8>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns("localhost").build(&certificate.x509v3_context(None, None)).unwrap();
    certificate.append_extension(names).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let pem = certificate.build().to_pem().unwrap();
    let paths = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&paths.0, &pem).unwrap();
    std::fs::write(&paths.1, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    (paths.0, paths.1, pem)
}

#[tokio::test]
async fn callers_are_served_over_tls_also_while_a_stranger_does_not_shake_hands() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, pem) = identity(folder.path());
    let identity = Identity::read(&certificate, &key).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let router = Router::new().route("/", get(async || "hello"));
    let serving = async { axum::serve(TlsListener::new(tcp, &identity), router).await };
    let asking = async {
        let mut silent = TcpStream::connect(address).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "a stranger's client, on this machine only")]
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .resolve("localhost", address)
            .build()
            .unwrap();
        let answer = client.get(format!("https://localhost:{}/", address.port())).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let plain = client.get(format!("http://localhost:{}/", address.port())).send().await;
        // It is still there: nobody waited for it, and nobody threw it out yet.
        let still = tokio::time::timeout(Duration::from_millis(1), silent.read_u8()).await.is_err();
        (text, plain.is_err(), still)
    };
    let heard = tokio::select! {
        heard = asking => heard,
        _ = serving => panic!("the server ended"),
    };
    assert_eq!(heard, ("hello".to_owned(), true, true));
}

#[test]
fn a_file_that_is_no_certificate_or_no_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, _) = identity(folder.path());
    let error = Identity::read(&key, &certificate).unwrap_err().to_string();
    assert!(error.contains("cert.pem is no private key in PEM form"), "{error}");
    let missing = folder.path().join("missing.pem");
    assert!(matches!(Identity::read(&certificate, &missing), Err(TlsError::NotPem { .. })));
}
