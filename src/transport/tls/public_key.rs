//! The public key of a certificate of whatever version (X.509, RFC 5280 4.1). Pure; any bytes are taken.

/// A value of DER: its tag, its content, and the bytes behind it.
type Element<'a> = (u8, &'a [u8], &'a [u8]);

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// `[0]`, which a version 1 leaves out.
const VERSION: u8 = 0xa0;

/// The bits of the key that a certificate is for; `None` if it cannot be found.
pub(super) fn of_certificate(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut rest, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if element(rest)?.0 == VERSION {
        rest = element(rest)?.2;
    }
    // Serial number, signature, issuer, validity, subject.
    for _ in 0..5 {
        rest = element(rest)?.2;
    }
    of_info(rest)
}

/// The bits of the key in what says how it is to be used.
pub(super) fn of_info(info: &[u8]) -> Option<&[u8]> {
    let (_, info, _) = element(info).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, _, rest) = element(info)?;
    let (_, bits, _) = element(rest).filter(|(tag, ..)| *tag == BIT_STRING)?;
    Some(bits)
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let digits = usize::from(first & 0x7f);
        if digits == 0 || digits > 4 {
            return None;
        }
        length = 0;
        for &byte in rest.get(..digits)? {
            length = (length << 8) | usize::from(byte);
        }
        rest = &rest[digits..];
    }
    let (content, behind) = rest.split_at_checked(length)?;
    Some((tag, content, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn the_key_is_found_in_every_version() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let info = key.subject_public_key_info();
        assert_eq!(of_certificate(certificate.der()), of_info(&info));
        assert!(of_info(&info).is_some());
        let old = CertificateDer::from_pem_file("tests/data/tls/version-1.cert").unwrap();
        assert_eq!(of_certificate(&old).map(<[u8]>::len), Some(271));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..900, at in 0usize..900, byte: u8) {
            let _ = of_certificate(&bytes);
            let mut old = CertificateDer::from_pem_file("tests/data/tls/version-1.cert").unwrap().to_vec();
            let at = at % old.len();
            old[at] = byte;
            old.truncate(cut);
            let _ = of_certificate(&old);
        }
    }
}
