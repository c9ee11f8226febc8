//! Passwords of shares: kept as Argon2 hashes, tried a few at a time.

use std::time::Duration;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use parking_lot::Mutex as ShortMutex;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, Semaphore};

use crate::{AppError, Host, ShareEntry, app::blocking};

/// A hash takes 19 MiB and some 20 ms of a core.
const HASHES_AT_A_TIME: usize = 2;
/// Guesses at one share wait for each other, in so many queues for all shares.
const QUEUES: usize = 64;
/// What a wrong password costs whoever tries the next one.
const AFTER_WRONG: Duration = Duration::from_millis(500);
/// Who waits longer than this is told to come back.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Passwords found right, so that clients who send one with each request need not wait for its hash.
const PROVEN_MAX: usize = 1_000;
const PASSWORD_BYTES_MAX: usize = 1_000;
/// How long a browser need not ask again.
const PASS_MS: i64 = 12 * 60 * 60 * 1000;

/// What is needed to hash and to try passwords.
pub(crate) struct Passwords {
    permits: Semaphore,
    queues: Box<[Mutex<()>]>,
    proven: ShortMutex<FxHashSet<[u8; 32]>>,
    /// What is kept of right passwords means nothing outside of this process.
    secret: [u8; 32],
}

impl Passwords {
    pub(crate) fn new(host: &dyn Host) -> Self {
        let mut secret = [0; 32];
        host.random(&mut secret);
        Self {
            permits: Semaphore::new(HASHES_AT_A_TIME),
            queues: (0..QUEUES).map(|_| Mutex::default()).collect(),
            proven: ShortMutex::default(),
            secret,
        }
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: &str, host: &dyn Host) -> Result<String, AppError> {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            let message =
                format!("a password of 1 to {PASSWORD_BYTES_MAX} bytes is expected; null takes it away");
            return Err(AppError::bad("password", message));
        }
        let mut salt = [0u8; 16];
        host.random(&mut salt);
        let password = password.to_owned();
        let _permit = self.permit().await?;
        blocking(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|e| AppError::Internal(format!("hashing: {e}")))
        })
        .await
    }

    /// Whether a password is the one of a hash. Guesses at one share go one at a time.
    pub(crate) async fn is_right(&self, share: &str, hash: &str, password: &str) -> Result<bool, AppError> {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let proof: [u8; 32] = Sha256::new()
            .chain_update(self.secret)
            .chain_update(hash)
            .chain_update([0])
            .chain_update(password)
            .finalize()
            .into();
        if self.proven.lock().contains(&proof) {
            return Ok(true);
        }
        let queue = Sha256::digest(share)[0] as usize % QUEUES;
        let turn = tokio::time::timeout(WAIT_MAX, self.queues[queue].lock());
        let _turn = turn.await.map_err(|_| busy())?;
        let _permit = self.permit().await?;
        let (hash, password) = (hash.to_owned(), password.to_owned());
        let is_right =
            blocking(move || Ok(Argon2::default().verify_password(password.as_bytes(), &*hash).is_ok()))
                .await?;
        if is_right {
            let mut proven = self.proven.lock();
            if proven.len() >= PROVEN_MAX {
                proven.clear();
            }
            proven.insert(proof);
        } else {
            tokio::time::sleep(AFTER_WRONG).await;
        }
        Ok(is_right)
    }

    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, AppError> {
        match tokio::time::timeout(WAIT_MAX, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(busy()),
        }
    }
}

fn busy() -> AppError {
    AppError::Busy("too many passwords are being tried; try again".into())
}

/// Stands for the password of a share until a time.
pub(super) fn pass(share: &ShareEntry, hash: &str, now_ms: i64) -> (String, i64) {
    let until_ms = now_ms + PASS_MS;
    (format!("{until_ms}.{}", seal(share, hash, until_ms)), until_ms)
}

pub(super) fn is_pass(share: &ShareEntry, hash: &str, pass: &str, now_ms: i64) -> bool {
    let Some((until_ms, given)) = pass.split_once('.') else { return false };
    let Ok(until_ms) = until_ms.parse::<i64>() else { return false };
    let expected = seal(share, hash, until_ms);
    (now_ms..=now_ms + PASS_MS).contains(&until_ms) && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

/// Only who knows the password's hash can make it; the hash comes last, so that nothing can be appended.
fn seal(share: &ShareEntry, hash: &str, until_ms: i64) -> String {
    let digest = Sha256::new()
        .chain_update(&share.token)
        .chain_update(until_ms.to_le_bytes())
        .chain_update(hash)
        .finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ShareTarget, SystemHost};

    fn share() -> ShareEntry {
        ShareEntry {
            id: "s1".into(),
            token: "t".repeat(36),
            team: "t".into(),
            database: "d".into(),
            target: ShareTarget::View { table: boobook_model::TableId::nth(0).unwrap(), view: "v".into() },
            created_at_ms: 0,
            user: "u".into(),
            role: "admin".into(),
            user_role: "admin".into(),
            expires_at_ms: None,
            password: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn passwords_are_right_or_wrong() {
        let passwords = Passwords::new(&SystemHost);
        let hash = passwords.hash("grün", &SystemHost).await.unwrap();
        // Nothing shorter: salt and hash are random letters, and two given ones are among them now and then.
        assert!(hash.starts_with("$argon2id$") && !hash.contains("grün"), "{hash}");
        assert_ne!(hash, passwords.hash("grün", &SystemHost).await.unwrap(), "each has a salt of its own");
        for (password, is_right) in [("grün", true), ("grün", true), ("gruen", false), ("", false)] {
            assert_eq!(passwords.is_right("s1", &hash, password).await, Ok(is_right), "{password}");
        }
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert_eq!(passwords.is_right("s1", &hash, &long).await, Ok(false));
        for bad in ["", &long] {
            assert!(matches!(passwords.hash(bad, &SystemHost).await, Err(AppError::BadInput { .. })));
        }
    }

    #[test]
    fn a_pass_ends_with_its_time_and_its_password() {
        let share = share();
        let (text, until_ms) = pass(&share, "hash", 1_000);
        assert!(is_pass(&share, "hash", &text, 1_000) && is_pass(&share, "hash", &text, until_ms));
        assert!(!is_pass(&share, "hash", &text, until_ms + 1), "it is over");
        assert!(!is_pass(&share, "other", &text, 1_000), "the password was changed");
        assert!(!is_pass(&ShareEntry { token: "x".into(), ..share.clone() }, "hash", &text, 1_000));
        let later = text.replacen(&until_ms.to_string(), &(until_ms + 1).to_string(), 1);
        assert!(!is_pass(&share, "hash", &later, 1_001), "it cannot be made longer");
        for bad in ["", ".", "x.y", "99", &format!("{}.", 1_000)] {
            assert!(!is_pass(&share, "hash", bad, 1_000), "{bad:?}");
        }
    }
}
