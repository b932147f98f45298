//! The one place that hashes and signs: SHA-256, HMAC-SHA-256 and Ed25519, and nothing else.
//!
//! Which library does the work is chosen here, when building: Rust's own by default, or AWS-LC (of which there is a
//! FIPS-validated build) with the feature `aws-lc`. Both give the same bytes: hashes and signatures are functions of
//! their input, and the tests hold both to the same vectors. This file draws no randomness.
//!
//! [FIPS 180-4](https://csrc.nist.gov/pubs/fips/180-4/upd1/final),
//! [RFC 2104](https://www.rfc-editor.org/rfc/rfc2104), [RFC 8032](https://www.rfc-editor.org/rfc/rfc8032).

#[cfg(feature = "aws-lc")]
mod aws;
#[cfg(not(feature = "aws-lc"))]
mod rust;

#[cfg(feature = "aws-lc")]
pub(crate) use aws::{PublicKey, SecretKey, hmac, sha256};
#[cfg(not(feature = "aws-lc"))]
pub(crate) use rust::{PublicKey, SecretKey, hmac, sha256};

/// The points of the curve whose order is small, as they are encoded (RFC 8032 §5.1.3), without their sign bit.
/// A signature of such a "key" would be valid for many texts, so none of them is taken for one.
#[cfg_attr(not(feature = "aws-lc"), cfg(test))]
const SMALL_ORDER: [[u8; 32]; 7] = {
    const fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut bytes = [middle; 32];
        bytes[0] = first;
        bytes[31] = last;
        bytes
    }
    [
        filled(0, 0, 0),
        filled(1, 0, 0),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
        filled(0xec, 0xff, 0x7f),
        filled(0xed, 0xff, 0x7f),
        filled(0xee, 0xff, 0x7f),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn sha_256_gives_the_digest_of_its_standard() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&[b"abc"]).as_slice(), hex(digest));
        assert_eq!(sha256(&[b"a", b"", b"bc"]).as_slice(), hex(digest));
    }

    #[test]
    fn hmac_gives_the_code_of_rfc_4231() {
        // Test case 1 has a key of 20 bytes; padded with zeros to 32 it is the same key.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let code = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hmac(&key, &[b"Hi ", b"There"]).as_slice(), hex(code));
    }

    #[test]
    fn ed25519_signs_as_rfc_8032_does_and_refuses_the_rest() {
        // RFC 8032 §7.1, test 2.
        let secret: [u8; 32] =
            hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
                .try_into()
                .unwrap();
        let signature = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
        let key = SecretKey::from_bytes(&secret);
        assert_eq!(
            key.public().as_bytes().as_slice(),
            hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        );
        assert_eq!(key.sign(&[0x72]).as_slice(), signature);
        assert!(key.public().accepts(&[0x72], &signature));
        assert!(!key.public().accepts(&[0x73], &signature));
        assert!(!key.public().accepts(&[0x72], &signature[..63]));
        for place in 0..64 {
            let mut wrong = signature.clone();
            wrong[place] ^= 1;
            assert!(!key.public().accepts(&[0x72], &wrong), "byte {place}");
        }
        // The same signature with the group's order added to its second half.
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let (mut other, mut carry) = (signature, 0_u16);
        for (byte, add) in other[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = u8::try_from(carry & 0xff).unwrap();
            carry >>= 8;
        }
        assert!(!key.public().accepts(&[0x72], &other));
    }

    #[test]
    fn a_point_of_small_order_is_no_key() {
        for point in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point = point;
                point[31] |= sign;
                assert!(PublicKey::from_bytes(&point).is_none(), "{point:02x?}");
            }
        }
    }
}
