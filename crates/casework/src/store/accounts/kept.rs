//! What is asked of either database about accounts: the two understand the same statements, so that they stand here once.

use super::Role;
use crate::Error;

pub(super) fn read_role(text: &str) -> Result<Role, Error> {
    Role::named(text).ok_or(Error::Unreadable { column: "role" })
}

pub(super) fn there(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(cause) if cause.is_unique_violation() => Error::AccountThere,
        _ => Error::Store(error),
    }
}

pub(super) const END_OFFICERS_SESSIONS: &str =
    "DELETE FROM session WHERE kind = 'officer' AND holder = $1";

pub(super) const KEEP_RECEIVED: &str = "INSERT INTO received (party, number, digest, body, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
pub(super) const FIND_RECEIVED: &str =
    "SELECT at FROM received WHERE party = $1 AND number = $2 AND digest = $3";

pub(super) const KEEP_DISPUTE: &str =
    "INSERT INTO dispute (party, number, digest, body, at, due) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT DO NOTHING";
pub(super) const FIND_DISPUTE: &str =
    "SELECT at FROM dispute WHERE party = $1 AND number = $2 AND digest = $3";

/// Keeps accounts in a database of which there is a pool to write with and one to read with.
macro_rules! keep_accounts {
    ($store:ty, $row:ty) => {
        fn read_account(row: &$row) -> Result<Account, Error> {
            let issuer: Option<String> = row.try_get("issuer")?;
            let issued_as: Option<String> = row.try_get("issued_as")?;
            let closed: Option<i64> = row.try_get("closed_at")?;
            let must_change: i64 = row.try_get("must_change")?;
            Ok(Account {
                officer: row.try_get("officer")?,
                name: row.try_get("name")?,
                password: row.try_get("password")?,
                code_secret: row.try_get("code_secret")?,
                issued: issuer.zip(issued_as),
                must_change: must_change != 0,
                closed: closed.is_some(),
            })
        }

        fn read_received(row: &$row) -> Result<Received, Error> {
            let digest: Vec<u8> = row.try_get("digest")?;
            Ok(Received {
                party: row.try_get("party")?,
                number: row.try_get("number")?,
                digest: digest.try_into().map_err(|_| Error::Unreadable { column: "digest" })?,
                body: row.try_get("body")?,
                at: row.try_get("at")?,
            })
        }

        fn read_raised(row: &$row) -> Result<Raised, Error> {
            let answer: Option<Vec<u8>> = row.try_get("answer")?;
            let answered_at: Option<i64> = row.try_get("answered_at")?;
            let attempts: i64 = row.try_get("attempts")?;
            Ok(Raised {
                message: read_received(row)?,
                due: row.try_get("due")?,
                answer: answer.zip(answered_at),
                attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                next: row.try_get("next")?,
            })
        }

        /// Keeps a message that came, with its day where it is a dispute, and returns since when this very message is
        /// kept; none where its number came before with another.
        async fn keep_message(
            store: &$store,
            message: &Received,
            due: Option<i64>,
        ) -> Result<Option<i64>, Error> {
            let (keep, find) = match due {
                None => (KEEP_RECEIVED, FIND_RECEIVED),
                Some(_) => (KEEP_DISPUTE, FIND_DISPUTE),
            };
            let mut tx = store.writer.begin_with(BEGIN).await?;
            let kept = sqlx::query(keep)
                .bind(&message.party)
                .bind(&message.number)
                .bind(message.digest.as_slice())
                .bind(&message.body)
                .bind(message.at);
            let kept = match due {
                None => kept,
                Some(due) => kept.bind(due),
            };
            kept.execute(&mut *tx).await?;
            let at: Option<i64> = sqlx::query_scalar(find)
                .bind(&message.party)
                .bind(&message.number)
                .bind(message.digest.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(at)
        }

        impl $crate::store::accounts::AccountStore for $store {
            async fn add_account(&self, account: &Account, at: i64) -> Result<(), Error> {
                let (issuer, issued_as) = account.issued.clone().unzip();
                sqlx::query(
                    "INSERT INTO account (officer, name, password, code_secret, issuer, issued_as, made_at, must_change)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(&account.officer)
                .bind(&account.name)
                .bind(&account.password)
                .bind(&account.code_secret)
                .bind(issuer)
                .bind(issued_as)
                .bind(at)
                .bind(i64::from(account.must_change))
                .execute(&self.writer)
                .await
                .map_err(there)?;
                Ok(())
            }

            async fn account(&self, officer: &str) -> Result<Option<Account>, Error> {
                let row = sqlx::query("SELECT * FROM account WHERE officer = $1")
                    .bind(officer)
                    .fetch_optional(&self.readers)
                    .await?;
                row.as_ref().map(read_account).transpose()
            }

            async fn account_issued(
                &self,
                issuer: &str,
                issued_as: &str,
            ) -> Result<Option<Account>, Error> {
                let row = sqlx::query("SELECT * FROM account WHERE issuer = $1 AND issued_as = $2")
                    .bind(issuer)
                    .bind(issued_as)
                    .fetch_optional(&self.readers)
                    .await?;
                row.as_ref().map(read_account).transpose()
            }

            async fn accounts(&self, program: &str) -> Result<Vec<(Account, BTreeSet<Role>)>, Error> {
                let mut roles = self.all_roles(program).await?;
                let rows =
                    sqlx::query("SELECT * FROM account ORDER BY officer").fetch_all(&self.readers).await?;
                rows.iter()
                    .map(|row| {
                        let account = read_account(row)?;
                        let roles = roles.remove(&account.officer).unwrap_or_default();
                        Ok((account, roles))
                    })
                    .collect()
            }

            async fn roles(&self, officer: &str, program: &str) -> Result<BTreeSet<Role>, Error> {
                let words: Vec<String> =
                    sqlx::query_scalar("SELECT role FROM role WHERE officer = $1 AND program = $2")
                        .bind(officer)
                        .bind(program)
                        .fetch_all(&self.readers)
                        .await?;
                words.iter().map(|word| read_role(word)).collect()
            }

            async fn all_roles(&self, program: &str) -> Result<BTreeMap<String, BTreeSet<Role>>, Error> {
                let rows: Vec<(String, String)> = sqlx::query_as(
                    "SELECT role.officer, role.role FROM role JOIN account USING (officer)
                     WHERE role.program = $1 AND account.closed_at IS NULL",
                )
                .bind(program)
                .fetch_all(&self.readers)
                .await?;
                let mut roles: BTreeMap<String, BTreeSet<Role>> = BTreeMap::new();
                for (officer, role) in rows {
                    roles.entry(officer).or_default().insert(read_role(&role)?);
                }
                Ok(roles)
            }

            async fn set_roles(
                &self,
                officer: &str,
                program: &str,
                roles: &BTreeSet<Role>,
            ) -> Result<(), Error> {
                let mut tx = self.writer.begin_with(BEGIN).await?;
                let known: i64 = sqlx::query_scalar("SELECT count(*) FROM account WHERE officer = $1")
                    .bind(officer)
                    .fetch_one(&mut *tx)
                    .await?;
                if known == 0 {
                    return Err(Error::NoSuchAccount);
                }
                sqlx::query("DELETE FROM role WHERE officer = $1 AND program = $2")
                    .bind(officer)
                    .bind(program)
                    .execute(&mut *tx)
                    .await?;
                for role in roles {
                    sqlx::query("INSERT INTO role (officer, program, role) VALUES ($1, $2, $3)")
                        .bind(officer)
                        .bind(program)
                        .bind(role.as_str())
                        .execute(&mut *tx)
                        .await?;
                }
                sqlx::query(END_OFFICERS_SESSIONS)
                    .bind(officer)
                    .execute(&mut *tx)
                    .await?;
                Ok(tx.commit().await?)
            }

            async fn set_means(
                &self,
                officer: &str,
                password: Option<&str>,
                code_secret: Option<&[u8]>,
            ) -> Result<(), Error> {
                let mut tx = self.writer.begin_with(BEGIN).await?;
                let done =
                    sqlx::query("UPDATE account SET password = $1, code_secret = $2 WHERE officer = $3")
                        .bind(password)
                        .bind(code_secret)
                        .bind(officer)
                        .execute(&mut *tx)
                        .await?;
                if done.rows_affected() != 1 {
                    return Err(Error::NoSuchAccount);
                }
                sqlx::query(END_OFFICERS_SESSIONS)
                    .bind(officer)
                    .execute(&mut *tx)
                    .await?;
                Ok(tx.commit().await?)
            }

            async fn set_must_change(&self, officer: &str, must_change: bool) -> Result<(), Error> {
                let done = sqlx::query("UPDATE account SET must_change = $1 WHERE officer = $2")
                    .bind(i64::from(must_change))
                    .bind(officer)
                    .execute(&self.writer)
                    .await?;
                if done.rows_affected() == 1 { Ok(()) } else { Err(Error::NoSuchAccount) }
            }

            async fn close_account(&self, officer: &str, at: i64) -> Result<(), Error> {
                let mut tx = self.writer.begin_with(BEGIN).await?;
                let done =
                    sqlx::query("UPDATE account SET closed_at = coalesce(closed_at, $1) WHERE officer = $2")
                        .bind(at)
                        .bind(officer)
                        .execute(&mut *tx)
                        .await?;
                if done.rows_affected() != 1 {
                    return Err(Error::NoSuchAccount);
                }
                sqlx::query(END_OFFICERS_SESSIONS)
                    .bind(officer)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(
                    "UPDATE access_key SET revoked_at = $1 WHERE officer = $2 AND revoked_at IS NULL",
                )
                .bind(at)
                .bind(officer)
                .execute(&mut *tx)
                .await?;
                Ok(tx.commit().await?)
            }

            async fn take_step(&self, officer: &str, step: u64) -> Result<bool, Error> {
                // One statement: of two that bring the same code at once, one finds the step taken.
                let done =
                    sqlx::query("UPDATE account SET code_step = $1 WHERE officer = $2 AND code_step < $1")
                        .bind(step.cast_signed())
                        .bind(officer)
                        .execute(&self.writer)
                        .await?;
                Ok(done.rows_affected() == 1)
            }

            async fn set_recovery_codes(&self, officer: &str, hashes: &[[u8; 32]]) -> Result<(), Error> {
                let mut tx = self.writer.begin_with(BEGIN).await?;
                sqlx::query("DELETE FROM recovery_code WHERE officer = $1")
                    .bind(officer)
                    .execute(&mut *tx)
                    .await?;
                for hash in hashes {
                    sqlx::query("INSERT INTO recovery_code (officer, hash) VALUES ($1, $2)")
                        .bind(officer)
                        .bind(hash.as_slice())
                        .execute(&mut *tx)
                        .await?;
                }
                Ok(tx.commit().await?)
            }

            async fn take_recovery_code(
                &self,
                officer: &str,
                hash: &[u8; 32],
                at: i64,
            ) -> Result<bool, Error> {
                let done = sqlx::query(
                    "UPDATE recovery_code SET used_at = $1 WHERE officer = $2 AND hash = $3 AND used_at IS NULL",
                )
                .bind(at)
                .bind(officer)
                .bind(hash.as_slice())
                .execute(&self.writer)
                .await?;
                Ok(done.rows_affected() == 1)
            }

            async fn begin_session(&self, session: &Session) -> Result<(), Error> {
                sqlx::query(
                    "INSERT INTO session (hash, holder, kind, begun_at, seen_at) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(session.hash.as_slice())
                .bind(session.holder.as_str())
                .bind(session.holder.kind())
                .bind(session.begun_at)
                .bind(session.seen_at)
                .execute(&self.writer)
                .await?;
                Ok(())
            }

            async fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, Error> {
                let row = sqlx::query("SELECT holder, kind, begun_at, seen_at FROM session WHERE hash = $1")
                    .bind(hash.as_slice())
                    .fetch_optional(&self.readers)
                    .await?;
                row.map(|row| {
                    let kind: String = row.try_get("kind")?;
                    let holder = Holder::read(&kind, row.try_get("holder")?)
                        .ok_or(Error::Unreadable { column: "kind" })?;
                    let (begun_at, seen_at) = (row.try_get("begun_at")?, row.try_get("seen_at")?);
                    Ok(Session { hash: *hash, holder, begun_at, seen_at })
                })
                .transpose()
            }

            async fn touch_session(&self, hash: &[u8; 32], at: i64) -> Result<(), Error> {
                sqlx::query("UPDATE session SET seen_at = $1 WHERE hash = $2 AND seen_at < $1")
                    .bind(at)
                    .bind(hash.as_slice())
                    .execute(&self.writer)
                    .await?;
                Ok(())
            }

            async fn end_session(&self, hash: &[u8; 32]) -> Result<(), Error> {
                sqlx::query("DELETE FROM session WHERE hash = $1")
                    .bind(hash.as_slice())
                    .execute(&self.writer)
                    .await?;
                Ok(())
            }

            async fn end_sessions(&self, holder: &Holder) -> Result<u64, Error> {
                let done = sqlx::query("DELETE FROM session WHERE kind = $1 AND holder = $2")
                    .bind(holder.kind())
                    .bind(holder.as_str())
                    .execute(&self.writer)
                    .await?;
                Ok(done.rows_affected())
            }

            async fn count_sessions(&self, seen_since: i64) -> Result<u64, Error> {
                let count: i64 = sqlx::query_scalar("SELECT count(*) FROM session WHERE seen_at >= $1")
                    .bind(seen_since)
                    .fetch_one(&self.readers)
                    .await?;
                Ok(count.cast_unsigned())
            }

            async fn add_key(
                &self,
                officer: &str,
                hash: &[u8; 32],
                at: i64,
                expires_at: i64,
            ) -> Result<i64, Error> {
                let number: Option<i64> = sqlx::query_scalar(
                    "INSERT INTO access_key (officer, hash, made_at, expires_at)
                     SELECT officer, $2, $3, $4 FROM account WHERE officer = $1 AND closed_at IS NULL RETURNING number",
                )
                .bind(officer)
                .bind(hash.as_slice())
                .bind(at)
                .bind(expires_at)
                .fetch_optional(&self.writer)
                .await?;
                number.ok_or(Error::NoSuchAccount)
            }

            async fn key_holder(&self, hash: &[u8; 32], now: i64) -> Result<Option<Account>, Error> {
                let row = sqlx::query(
                    "SELECT account.* FROM access_key JOIN account USING (officer)
                     WHERE access_key.hash = $1 AND access_key.revoked_at IS NULL AND access_key.expires_at > $2
                       AND account.closed_at IS NULL",
                )
                .bind(hash.as_slice())
                .bind(now)
                .fetch_optional(&self.readers)
                .await?;
                row.as_ref().map(read_account).transpose()
            }

            async fn keys(&self) -> Result<Vec<AccessKey>, Error> {
                let rows = sqlx::query("SELECT * FROM access_key ORDER BY number")
                    .fetch_all(&self.readers)
                    .await?;
                rows.iter()
                    .map(|row| {
                        let revoked: Option<i64> = row.try_get("revoked_at")?;
                        Ok(AccessKey {
                            number: row.try_get("number")?,
                            officer: row.try_get("officer")?,
                            made_at: row.try_get("made_at")?,
                            expires_at: row.try_get("expires_at")?,
                            revoked: revoked.is_some(),
                        })
                    })
                    .collect()
            }

            async fn revoke_key(&self, number: i64, at: i64) -> Result<bool, Error> {
                let done = sqlx::query(
                    "UPDATE access_key SET revoked_at = $1 WHERE number = $2 AND revoked_at IS NULL",
                )
                .bind(at)
                .bind(number)
                .execute(&self.writer)
                .await?;
                Ok(done.rows_affected() == 1)
            }

            async fn issue_code(
                &self,
                holder: &Holder,
                hash: &[u8; 32],
                at: i64,
                expires_at: i64,
            ) -> Result<(), Error> {
                let mut tx = self.writer.begin_with(BEGIN).await?;
                sqlx::query("DELETE FROM one_time_code WHERE kind = $1 AND holder = $2 AND used_at IS NULL")
                    .bind(holder.kind())
                    .bind(holder.as_str())
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(
                    "INSERT INTO one_time_code (hash, holder, kind, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(hash.as_slice())
                .bind(holder.as_str())
                .bind(holder.kind())
                .bind(at)
                .bind(expires_at)
                .execute(&mut *tx)
                .await?;
                Ok(tx.commit().await?)
            }

            async fn take_code(&self, hash: &[u8; 32], now: i64) -> Result<Option<(Holder, i64)>, Error> {
                let row = sqlx::query(
                    "UPDATE one_time_code SET used_at = $2
                     WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING holder, kind, expires_at",
                )
                .bind(hash.as_slice())
                .bind(now)
                .fetch_optional(&self.writer)
                .await?;
                row.map(|row| {
                    let kind: String = row.try_get("kind")?;
                    let holder = Holder::read(&kind, row.try_get("holder")?);
                    Ok((holder.ok_or(Error::Unreadable { column: "kind" })?, row.try_get("expires_at")?))
                })
                .transpose()
            }

            async fn bind_issued(&self, hash: &[u8; 32], case: &str, now: i64) -> Result<bool, Error> {
                let done = sqlx::query(
                    "INSERT INTO issued_individual (hash, holder, expires_at)
                     SELECT $1, holder, expires_at FROM one_time_code
                     WHERE kind = 'individual' AND holder = $2 AND expires_at > $3
                     ORDER BY expires_at DESC LIMIT 1
                     ON CONFLICT (hash) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at",
                )
                .bind(hash.as_slice())
                .bind(case)
                .bind(now)
                .execute(&self.writer)
                .await?;
                Ok(done.rows_affected() == 1)
            }

            async fn issued_individual(
                &self,
                hash: &[u8; 32],
                now: i64,
            ) -> Result<Option<String>, Error> {
                Ok(sqlx::query_scalar(
                    "SELECT holder FROM issued_individual WHERE hash = $1 AND expires_at > $2",
                )
                .bind(hash.as_slice())
                .bind(now)
                .fetch_optional(&self.readers)
                .await?)
            }

            async fn note_attempt(&self, attempt: &Attempt) -> Result<(), Error> {
                sqlx::query(
                    "INSERT INTO attempt (kind, holder, address, at, outcome) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(attempt.kind)
                .bind(attempt.holder.as_slice())
                .bind(attempt.address.as_slice())
                .bind(attempt.at)
                .bind(attempt.outcome)
                .execute(&self.writer)
                .await?;
                Ok(())
            }

            async fn failures(
                &self,
                kind: &'static str,
                holder: &[u8; 32],
                since: i64,
            ) -> Result<u32, Error> {
                // `waiting` is no failure: asking again too early must not keep anybody out for ever.
                let count: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM attempt
                     WHERE kind = $1 AND holder = $2 AND at > $3 AND outcome IN ('wrong', 'replayed')
                       AND number > coalesce((SELECT max(number) FROM attempt WHERE kind = $1 AND holder = $2 AND outcome = 'in'), 0)",
                )
                .bind(kind)
                .bind(holder.as_slice())
                .bind(since)
                .fetch_one(&self.readers)
                .await?;
                Ok(u32::try_from(count).unwrap_or(u32::MAX))
            }

            async fn receive(&self, message: &Received) -> Result<Option<i64>, Error> {
                keep_message(self, message, None).await
            }

            async fn received(&self, limit: u32) -> Result<Vec<Received>, Error> {
                let rows = sqlx::query("SELECT * FROM received ORDER BY at DESC, party, number LIMIT $1")
                    .bind(i64::from(limit))
                    .fetch_all(&self.readers)
                    .await?;
                rows.iter().map(read_received).collect()
            }

            async fn raise(&self, message: &Received, due: i64) -> Result<Option<i64>, Error> {
                keep_message(self, message, Some(due)).await
            }

            async fn raised(&self, limit: u32) -> Result<Vec<Raised>, Error> {
                let rows = sqlx::query(
                    "SELECT * FROM dispute ORDER BY answered_at IS NOT NULL, due, party, number LIMIT $1",
                )
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
                rows.iter().map(read_raised).collect()
            }

            async fn answer_raised(
                &self,
                party: &str,
                number: &str,
                answer: &[u8],
                at: i64,
            ) -> Result<bool, Error> {
                let done = sqlx::query(
                    "UPDATE dispute SET answer = $1, answered_at = $2, next = $2
                     WHERE party = $3 AND number = $4 AND answered_at IS NULL",
                )
                .bind(answer)
                .bind(at)
                .bind(party)
                .bind(number)
                .execute(&self.writer)
                .await?;
                Ok(done.rows_affected() == 1)
            }

            async fn answers_due(&self, now: i64, limit: u32) -> Result<Vec<Raised>, Error> {
                let rows = sqlx::query(
                    "SELECT * FROM dispute WHERE next IS NOT NULL AND next <= $1 ORDER BY next, party, number LIMIT $2",
                )
                .bind(now)
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
                rows.iter().map(read_raised).collect()
            }

            async fn note_answer(
                &self,
                party: &str,
                number: &str,
                attempts: u32,
                next: Option<i64>,
            ) -> Result<(), Error> {
                sqlx::query(
                    "UPDATE dispute SET attempts = $1, next = $2 WHERE party = $3 AND number = $4",
                )
                .bind(i64::from(attempts))
                .bind(next)
                .bind(party)
                .bind(number)
                .execute(&self.writer)
                .await?;
                Ok(())
            }

            async fn sweep(
                &self,
                sessions_before: i64,
                codes_before: i64,
                attempts_before: i64,
            ) -> Result<(), Error> {
                let mut tx = self.writer.begin_with(BEGIN).await?;
                for (statement, before) in [
                    ("DELETE FROM session WHERE seen_at < $1", sessions_before),
                    ("DELETE FROM one_time_code WHERE expires_at < $1", codes_before),
                    ("DELETE FROM issued_individual WHERE expires_at < $1", codes_before),
                    ("DELETE FROM attempt WHERE at < $1", attempts_before),
                ] {
                    sqlx::query(statement).bind(before).execute(&mut *tx).await?;
                }
                Ok(tx.commit().await?)
            }

            async fn keep_vote(&self, vote: &Vote) -> Result<(), Error> {
                sqlx::query(
                    "INSERT INTO vote (subject, title, member, is_for, at) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (subject, member) DO UPDATE
                     SET title = excluded.title, is_for = excluded.is_for, at = excluded.at",
                )
                .bind(&vote.subject)
                .bind(&vote.title)
                .bind(&vote.member)
                .bind(vote.is_for)
                .bind(vote.at)
                .execute(&self.writer)
                .await?;
                Ok(())
            }

            async fn votes(&self) -> Result<Vec<Vote>, Error> {
                let rows = sqlx::query("SELECT * FROM vote ORDER BY at DESC, subject, member")
                    .fetch_all(&self.readers)
                    .await?;
                rows.iter()
                    .map(|row| {
                        Ok(Vote {
                            subject: row.try_get("subject")?,
                            title: row.try_get("title")?,
                            member: row.try_get("member")?,
                            is_for: row.try_get("is_for")?,
                            at: row.try_get("at")?,
                        })
                    })
                    .collect()
            }

            async fn is_alive(&self) -> Result<(), Error> {
                sqlx::query("SELECT 1").execute(&self.readers).await?;
                Ok(())
            }
}
    };
}
pub(super) use keep_accounts;
