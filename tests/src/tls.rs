//! Certificates of every kind of wrong, made when a test runs, and the ways in which a connection may begin.

use std::io::{Error, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::backend::Wire;

/// An authority of one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// How a connection begins.
#[derive(Clone)]
pub enum Door {
    /// TLS with this certificate.
    Tls(Arc<ServerConfig>),
    /// The first bytes are read and the connection is closed.
    Cut,
    /// The other side is told that its version of TLS is not spoken here.
    OldVersion,
}

fn oops<E: std::fmt::Display>(error: E) -> Error {
    Error::other(error.to_string())
}

impl Authority {
    /// A new one of this name.
    pub fn new(name: &str) -> std::io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(oops)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(oops)?;
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, key).map_err(oops)? })
    }

    /// Its certificate in PEM form, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A door with a certificate of its own for `name`; `valid` says whether it has not expired.
    pub fn door(&self, name: &str, valid: bool) -> std::io::Result<Door> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(oops)?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = if valid { date_time_ymd(2100, 1, 1) } else { date_time_ymd(2021, 1, 1) };
        let key = KeyPair::generate().map_err(oops)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(oops)?;
        door_with(certificate.der().clone(), &key)
    }
}

/// A door with a certificate that nobody but itself vouches for.
pub fn self_signed(name: &str) -> std::io::Result<Door> {
    let params = CertificateParams::new(vec![name.to_owned()]).map_err(oops)?;
    let key = KeyPair::generate().map_err(oops)?;
    let certificate = params.self_signed(&key).map_err(oops)?;
    door_with(certificate.der().clone(), &key)
}

fn door_with(certificate: CertificateDer<'static>, key: &KeyPair) -> std::io::Result<Door> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(oops)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(oops)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(oops)?;
    Ok(Door::Tls(Arc::new(config)))
}

impl Door {
    pub(crate) fn open(&self, mut stream: TcpStream) -> std::io::Result<StreamOwned<ServerConnection, TcpStream>> {
        match self {
            Self::Tls(config) => {
                let connection = ServerConnection::new(config.clone()).map_err(oops)?;
                Ok(StreamOwned::new(connection, stream))
            }
            Self::Cut => {
                let mut some = [0; 16];
                stream.read_exact(&mut some)?;
                Err(Error::other("cut, as was asked for"))
            }
            Self::OldVersion => {
                let mut some = [0; 16];
                stream.read_exact(&mut some)?;
                // A fatal alert: protocol_version.
                stream.write_all(&[21, 3, 1, 0, 2, 2, 70])?;
                Err(Error::other("refused, as was asked for"))
            }
        }
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}
