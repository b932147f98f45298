//! Passwords and codes of officers' accounts: how they are hashed, made and checked.
//!
//! It keeps nothing and counts nothing: the account store takes each code once, and `sign_in` counts what is
//! tried in vain.
//!
//! Passwords: argon2id, [RFC 9106](https://www.rfc-editor.org/rfc/rfc9106), with the parameters of
//! [OWASP's cheat sheet](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html); length and
//! no rules of composition, as [NIST SP 800-63B-4 §3.1.1.2](https://pages.nist.gov/800-63-4/sp800-63b.html).
//! Codes: [RFC 6238](https://www.rfc-editor.org/rfc/rfc6238), one step of slack either way.

use crate::{Error, clock};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::Timestamp;
use totp_rs::{Builder, Totp};

/// How many characters a password has at least.
pub const LEAST: usize = 12;

/// How many characters are taken: nobody types more, and hashing more is work for nothing.
const MOST: usize = 256;

/// Memory of one hashing, in KiB; `super::App` hashes two at a time at most.
const KIB: u32 = 19 * 1024;

/// Passwords that are long enough and worth nothing.
const COMMON: &[&str] =
    &["password", "letmein", "qwerty", "welcome", "administrator", "comity", "123456"];

/// Letters and digits that nobody takes for each other (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(KIB, 2, 1, None).map_err(|_| Error::NotHashed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password, if it is one to take.
///
/// # Errors
/// It is too short, too long or a common one; or there is no randomness.
pub fn hash(password: &str) -> Result<String, Error> {
    let length = password.chars().count();
    let plain = password.to_lowercase();
    let mut rest = plain.clone();
    for common in COMMON {
        rest = rest.replace(common, "");
    }
    let distinct: std::collections::BTreeSet<char> = rest.chars().collect();
    if !(LEAST..=MOST).contains(&length) || distinct.len() < 5 {
        return Err(Error::WeakPassword { least: LEAST });
    }
    let salt = clock::random()?;
    let (salt, _) = salt.split_at(16);
    let hash = argon2()?.hash_password_with_salt(password.as_bytes(), salt);
    Ok(hash.map_err(|_| Error::NotHashed)?.to_string())
}

/// Says whether a password is the one that was hashed.
pub fn is_right(password: &str, hashed: &str) -> bool {
    if password.chars().count() > MOST {
        return false;
    }
    let Ok(hash) = PasswordHash::new(hashed) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

/// What an account without a password is checked against, so that it takes as long as one that has one.
pub(crate) fn nobodys() -> Result<String, Error> {
    let salt = clock::random()?;
    let password = clock::random()?;
    let hash = argon2()?.hash_password_with_salt(&password, &salt[..16]);
    Ok(hash.map_err(|_| Error::NotHashed)?.to_string())
}

/// Makes the secret of an authenticator app: 160 bits, as RFC 4226 §4 recommends.
///
/// # Errors
/// There is no randomness.
pub fn code_secret() -> Result<Vec<u8>, Error> {
    let random = clock::random()?;
    Ok(random[..20].to_vec())
}

fn totp(secret: &[u8], officer: &str) -> Option<Totp> {
    let builder = Builder::new().with_secret(secret.to_vec()).with_account_name(officer);
    builder.with_issuer(Some("Comity")).build().ok()
}

/// Returns the address that an authenticator app reads (`otpauth://…`). It holds the secret.
pub fn code_address(secret: &[u8], officer: &str) -> Option<String> {
    totp(secret, officer)?.to_url().ok()
}

/// Returns the code of an instant: what the app shows. For tests and demonstrations.
pub fn code_at(secret: &[u8], now: Timestamp) -> Option<String> {
    let second = u64::try_from(now.as_second()).ok()?;
    Some(totp(secret, "officer")?.generate(second).to_string())
}

/// Returns the step whose code this is, if it is one of now or of the step before or after.
pub(crate) fn step_of(code: &str, secret: &[u8], now: Timestamp) -> Option<u64> {
    let digits: String = code.chars().filter(|sign| !sign.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    totp(secret, "officer")?.check(&digits, u64::try_from(now.as_second()).ok()?)
}

/// Makes a code that is used once: 80 random bits, in four groups that can be read over a telephone.
///
/// # Errors
/// There is no randomness.
pub fn once() -> Result<String, Error> {
    let random = clock::random()?;
    let mut code = String::with_capacity(19);
    for (place, byte) in random.iter().take(16).enumerate() {
        if place > 0 && place % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(code)
}

/// Reads a code that is used once as a person types it: small letters, other separators, `O` for zero, `I` or `L` for
/// one. None if it cannot be one.
pub(crate) fn typed(code: &str) -> Option<String> {
    let mut read = String::with_capacity(16);
    for sign in code.chars() {
        let sign = match sign.to_ascii_uppercase() {
            ' ' | '-' | '\u{2013}' | '\u{a0}' => continue,
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if read.len() == 16 || !ALPHABET.iter().any(|letter| char::from(*letter) == sign) {
            return None;
        }
        read.push(sign);
    }
    (read.len() == 16).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_only_as_it_was_given() {
        let hashed = hash("four words nobody joins").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(is_right("four words nobody joins", &hashed));
        assert!(!is_right("Four words nobody joins", &hashed));
        assert!(!is_right("", &hashed));
        assert!(!is_right("four words nobody joins", "no hash at all"));
        assert!(!is_right(&"x".repeat(257), &hashed));
    }

    #[test]
    fn a_short_common_or_endless_password_is_not_taken() {
        for weak in ["", "elevenchars", "password1234", "123456123456", "aaaaaaaaaaaaaaaa"] {
            assert!(hash(weak).is_err(), "{weak}");
        }
        assert!(hash(&"abcdefgh".repeat(33)).is_err());
        assert!(hash("twelve chars").is_ok());
    }

    /// RFC 6238, appendix B, SHA-1, cut to six digits.
    #[test]
    fn codes_are_those_of_the_specification() {
        let secret = b"12345678901234567890";
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let at = Timestamp::from_second(second).unwrap();
            assert_eq!(code_at(secret, at).as_deref(), Some(code), "{second}");
        }
    }

    #[test]
    fn a_code_counts_one_step_before_and_after_its_own() {
        let secret = code_secret().unwrap();
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let code = code_at(&secret, at(0)).unwrap();
        for (second, counts) in [(-31, false), (-30, true), (0, true), (59, true), (60, false)] {
            assert_eq!(step_of(&code, &secret, at(second)).is_some(), counts, "{second}");
        }
        assert!(step_of(&format!(" {} {}", &code[..3], &code[3..]), &secret, at(0)).is_some());
        for wrong in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert!(step_of(wrong, &secret, at(0)).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_code_used_once_is_read_as_people_type_it() {
        let code = once().unwrap();
        assert_eq!(code.len(), 19);
        let plain = code.replace('-', "");
        assert_eq!(typed(&code), Some(plain.clone()));
        assert_eq!(typed(&plain.to_lowercase()), Some(plain));
        assert_eq!(typed("OOOO-IIII-LLLL-0101").as_deref(), Some("0000111111110101"));
        for wrong in
            ["", "ABCD", "ABCD-ABCD-ABCD-ABCDE", "UUUU-UUUU-UUUU-UUUU", "ABCD-ABCD-ABCD-ABC!"]
        {
            assert_eq!(typed(wrong), None, "{wrong}");
        }
    }
}
