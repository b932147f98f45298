//! The server's settings: one TOML file, and variables of the environment that stand above it.
//!
//! It says where things are and how much of them is let in. It changes nothing about what is lawful: no setting here
//! loosens a rule. A key that is not known is refused with its place, since a slip of the pen in a limit would
//! otherwise be no limit at all. It holds no secret: secrets lie in files of their own, which it names.

use crate::Error;
use crate::program::read;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The settings of `comity serve`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program's folder.
    pub program: PathBuf,
    /// Where ledger, case store and reports are kept; `work` in the program's folder if left out.
    #[serde(default)]
    pub work: Option<PathBuf>,
    /// The PostgreSQL server that keeps the cases, as a URL; a file in `work` if left out. It may hold a password, so it
    /// is best given by the environment.
    #[serde(default)]
    pub store: Option<StoreUrl>,
    /// The party whose node it is, by its id in the agreement; the recipient if left out.
    #[serde(default)]
    pub party: Option<String>,
    /// Where it listens.
    #[serde(default)]
    pub listen: Listen,
    /// Certificates; without them only addresses of this machine are served.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How long a session lasts.
    #[serde(default)]
    pub sessions: Sessions,
    /// How much is let in.
    #[serde(default)]
    pub limits: Limits,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// The collector of OpenTelemetry that gets a span of each request; none gets any if left out.
    #[serde(default)]
    pub traces: Option<Traces>,
    /// Who vouches for people beside the node's own accounts.
    #[serde(default)]
    pub issuers: Issuers,
    /// The other parties' nodes, by the party's id in the agreement.
    #[serde(default)]
    pub parties: BTreeMap<String, Peer>,
}

/// Where a database is reached.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(pub String);

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl([redacted])")
    }
}

/// Where the server listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// The address and port.
    pub address: SocketAddr,
    /// How browsers reach it, such as `https://comity.example.gov`; forms from elsewhere are refused.
    pub public: Option<String>,
    /// Addresses of proxies in front of it, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
}

impl Default for Listen {
    fn default() -> Listen {
        Listen { address: ([127, 0, 0, 1], 7300).into(), public: None, proxies: Vec::new() }
    }
}

/// Certificates, as PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The node's certificate, with those above it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities whose certificates another party's node may show; without them none is asked for.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// Minutes without use after which it ends.
    pub idle_minutes: u16,
    /// Hours after which it ends in any case.
    pub longest_hours: u16,
}

impl Default for Sessions {
    fn default() -> Sessions {
        // NIST SP 800-63B-4 §5.2 asks at AAL2 for at most 24 hours, and an hour without use.
        Sessions { idle_minutes: 30, longest_hours: 12 }
    }
}

/// How much is let in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections that are open at once.
    pub connections: usize,
    /// Seconds that a request may take.
    pub request_seconds: u64,
    /// KiB of a form, or of a call of the interface.
    pub body_kib: usize,
    /// MiB of an upload: results, returned mail, evidence.
    pub upload_mib: usize,
    /// Requests a minute from one address.
    pub requests_a_minute: u32,
    /// Attempts to sign in a minute from one address.
    pub sign_ins_a_minute: u32,
    /// Attempts in vain for one name in a quarter of an hour; then that name waits.
    pub wrong_sign_ins: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 256,
            request_seconds: 30,
            body_kib: 256,
            upload_mib: 8,
            requests_a_minute: 600,
            sign_ins_a_minute: 20,
            wrong_sign_ins: 5,
        }
    }
}

/// What is logged.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which gravity on.
    pub level: Level,
}

impl Default for Log {
    fn default() -> Log {
        Log { level: Level::Info }
    }
}

/// How grave a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What failed.
    Error,
    /// What failed for now.
    Warn,
    /// Each request.
    Info,
    /// More than is useful at work.
    Debug,
}

/// Where traces go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The collector's address without `/v1/traces`, such as `http://127.0.0.1:4318`. Encrypted, unless it is on this
    /// machine.
    pub address: String,
    /// Authorities that sign for its certificate, as PEM.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
}

/// Another party's node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Where it is reached, such as `https://node.payroll.example.gov`.
    pub address: String,
    /// The key that signs what it sends, as `comity key` prints it.
    pub key: String,
}

/// Who vouches for people, by OpenID Connect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Issuers {
    /// For officers: an account names them by this issuer and its name for them.
    pub officers: Option<Issuer>,
    /// For individuals, once the code of a letter has let them in.
    pub individuals: Option<Issuer>,
}

/// An issuer of OpenID Connect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its issuer identifier, such as `https://login.example.gov`.
    pub address: String,
    /// What people know it as.
    pub name: String,
    /// The name under which it knows this node.
    pub client: String,
    /// The file with the secret that it knows this node by; without one, the proof key of each attempt has to do.
    #[serde(default)]
    pub secret: Option<PathBuf>,
    /// Authorities that sign for its certificate, as PEM, such as `/etc/ssl/certs/ca-certificates.crt`.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// Levels of assurance (`acr`) of which its tokens must have one; any will do without them.
    #[serde(default)]
    pub levels: Vec<String>,
}

/// The settings that a variable of the environment may give. `listen.address` is `COMITY_LISTEN_ADDRESS`.
pub(crate) const FROM_ENVIRONMENT: &[&str] = &[
    "program",
    "work",
    "store",
    "party",
    "listen.address",
    "listen.public",
    "tls.certificate",
    "tls.key",
    "tls.authorities",
    "sessions.idle_minutes",
    "sessions.longest_hours",
    "limits.connections",
    "limits.request_seconds",
    "limits.body_kib",
    "limits.upload_mib",
    "limits.requests_a_minute",
    "limits.sign_ins_a_minute",
    "limits.wrong_sign_ins",
    "log.level",
    "traces.address",
    "traces.authorities",
];

impl Config {
    /// Returns the settings of a demonstration on this machine alone.
    pub(crate) fn of_demonstration(program: PathBuf, work: PathBuf, address: SocketAddr) -> Config {
        Config {
            program,
            work: Some(work),
            store: None,
            party: None,
            listen: Listen { address, ..Listen::default() },
            tls: None,
            sessions: Sessions::default(),
            // One machine, one person, and a browser that asks for everything at once.
            limits: Limits {
                requests_a_minute: 6_000,
                sign_ins_a_minute: 600,
                ..Limits::default()
            },
            log: Log { level: Level::Warn },
            traces: None,
            issuers: Issuers::default(),
            parties: BTreeMap::new(),
        }
    }

    /// Reads the settings from a file, with what the environment puts above it. Paths in it are the file's folder's.
    ///
    /// # Errors
    /// The file cannot be read, or a key or value in it is not what it has to be.
    pub fn read(
        path: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, Error> {
        let text = read(path)?;
        let mut config = Config::parse(&text, &path.display().to_string(), environment)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let place = |path: &mut PathBuf| *path = folder.join(&*path);
        place(&mut config.program);
        config.work.iter_mut().for_each(place);
        if let Some(tls) = &mut config.tls {
            place(&mut tls.certificate);
            place(&mut tls.key);
            tls.authorities.iter_mut().for_each(place);
        }
        if let Some(traces) = &mut config.traces {
            traces.authorities.iter_mut().for_each(place);
        }
        let issuers = &mut config.issuers;
        for issuer in issuers.officers.iter_mut().chain(&mut issuers.individuals) {
            issuer.secret.iter_mut().for_each(place);
            issuer.authorities.iter_mut().for_each(place);
        }
        Ok(config)
    }

    /// Reads the settings of a program's folder with everything else as it comes.
    pub fn of_program(program: impl Into<PathBuf>) -> Config {
        Config {
            program: program.into(),
            work: None,
            store: None,
            party: None,
            listen: Listen::default(),
            tls: None,
            sessions: Sessions::default(),
            limits: Limits::default(),
            log: Log::default(),
            traces: None,
            issuers: Issuers::default(),
            parties: BTreeMap::new(),
        }
    }

    fn parse(
        text: &str,
        file: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, Error> {
        let bad = |source: &str, error: &toml::de::Error, given: &str| Error::BadConfig {
            place: place(source, error, given),
            why: error.message().trim().replace('\n', "; "),
        };
        // Read once as it stands, so that what is wrong in the file is said with its line.
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| bad(file, &error, text))?;
        if FROM_ENVIRONMENT.iter().all(|key| environment(&variable(key)).is_none()) {
            let config: Config = toml::from_str(text).map_err(|error| bad(file, &error, text))?;
            return config.checked(file);
        }
        for key in FROM_ENVIRONMENT {
            let Some(value) = environment(&variable(key)) else { continue };
            put(&mut table, key, value);
        }
        let config = Config::deserialize(toml::Value::Table(table))
            .map_err(|error| bad(&format!("{file}, with what the environment says"), &error, ""))?;
        config.checked(file)
    }

    /// Checks what a type cannot say.
    fn checked(self, file: &str) -> Result<Config, Error> {
        let wrong = |key: &str, why: &str| {
            Err(Error::BadConfig { place: format!("`{file}`, `{key}`"), why: why.to_owned() })
        };
        let longest = u32::from(self.sessions.longest_hours) * 60;
        if self.sessions.idle_minutes == 0 || u32::from(self.sessions.idle_minutes) > longest {
            return wrong("sessions.idle_minutes", "it must be above 0 and within longest_hours");
        }
        if self.sessions.longest_hours > 24 {
            return wrong("sessions.longest_hours", "a session lasts for 24 hours at most");
        }
        let limits = &self.limits;
        for (key, value) in [
            ("limits.connections", limits.connections as u64),
            ("limits.request_seconds", limits.request_seconds),
            ("limits.body_kib", limits.body_kib as u64),
            ("limits.upload_mib", limits.upload_mib as u64),
            ("limits.requests_a_minute", limits.requests_a_minute.into()),
            ("limits.sign_ins_a_minute", limits.sign_ins_a_minute.into()),
            ("limits.wrong_sign_ins", limits.wrong_sign_ins.into()),
        ] {
            if value == 0 {
                return wrong(key, "nothing would get in: it must be above 0");
            }
        }
        for (key, value, most) in [
            ("limits.body_kib", limits.body_kib, 4096),
            ("limits.upload_mib", limits.upload_mib, 64),
        ] {
            if value > most {
                return wrong(key, &format!("it must be {most} at most"));
            }
        }
        if let Some(public) = &self.listen.public
            && !(public.starts_with("https://") || public.starts_with("http://"))
        {
            return wrong("listen.public", "it begins with neither https:// nor http://");
        }
        let issuers =
            [("officers", &self.issuers.officers), ("individuals", &self.issuers.individuals)];
        for (whose, issuer) in issuers {
            let Some(issuer) = issuer else { continue };
            let key = format!("issuers.{whose}");
            if self.listen.public.is_none() {
                return wrong(&key, "it sends browsers back: set listen.public too");
            }
            let is_encrypted = issuer.address.starts_with("https://");
            if is_encrypted && issuer.authorities.is_none() {
                return wrong(&key, "set authorities too: who signs for its certificate");
            }
            if !is_encrypted && !issuer.address.starts_with("http://") {
                return wrong(&key, "its address begins with neither https:// nor http://");
            }
        }
        Ok(self)
    }
}

/// Returns the name of the variable for a key.
fn variable(key: &str) -> String {
    format!("COMITY_{}", key.replace('.', "_").to_uppercase())
}

/// Puts a text from the environment where its key belongs: as a number where it is one.
fn put(table: &mut toml::Table, key: &str, text: String) {
    let value = match text.parse::<i64>() {
        Ok(number) => toml::Value::Integer(number),
        Err(_) => toml::Value::String(text),
    };
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, name)) => {
            let section =
                table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(section) = section {
                section.insert(name.to_owned(), value);
            }
        }
    }
}

/// Says where in a file an error stands.
fn place(file: &str, error: &toml::de::Error, text: &str) -> String {
    match error.span() {
        Some(span) if !text.is_empty() => {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
            format!("`{file}`, line {line}, column {column}")
        }
        _ => format!("`{file}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        Config::parse(text, "node.toml", |_| None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_is_all_that_has_to_be_said() {
        let config = config("program = \"benefits\"").unwrap();
        assert!(config.listen.address.ip().is_loopback());
        assert_eq!(config.sessions.idle_minutes, 30);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let error = config("program = \"p\"\n[limits]\nbody_kb = 3\n").unwrap_err();
        expect_test::expect![[r"
            `node.toml`, line 3, column 1: unknown field `body_kb`, expected one of `connections`, `request_seconds`, `body_kib`, `upload_mib`, `requests_a_minute`, `sign_ins_a_minute`, `wrong_sign_ins`"]]
        .assert_eq(&error);
    }

    #[test]
    fn a_limit_of_nothing_or_beyond_reason_is_refused() {
        for text in [
            "[limits]\nbody_kib = 0",
            "[limits]\nupload_mib = 65",
            "[sessions]\nlonghours = 1",
            "[sessions]\nlongest_hours = 25",
            "[sessions]\nidle_minutes = 0",
            "[sessions]\nidle_minutes = 61\nlongest_hours = 1",
            "[listen]\npublic = \"ftp://x\"",
            "[listen]\naddress = \"localhost\"",
        ] {
            assert!(config(&format!("program = \"p\"\n{text}\n")).is_err(), "{text}");
        }
        assert!(config("program = \"p\"\n[limits]\nupload_mib = 64").is_ok());
        assert!(
            config("program = \"p\"\n[sessions]\nidle_minutes = 60\nlongest_hours = 1").is_ok()
        );
    }

    #[test]
    fn the_environment_stands_above_the_file() {
        let read = |key: &str| (key == "COMITY_LIMITS_BODY_KIB").then(|| "7".to_owned());
        let config = Config::parse("program = \"p\"\n[limits]\nbody_kib = 3", "f", read).unwrap();
        assert_eq!(config.limits.body_kib, 7);
        let wrong = |key: &str| (key == "COMITY_LIMITS_BODY_KIB").then(|| "much".to_owned());
        assert!(Config::parse("program = \"p\"", "f", wrong).is_err());
    }

    #[test]
    fn every_key_of_the_environment_is_a_key_of_the_file() {
        for key in FROM_ENVIRONMENT {
            let mut table = toml::Table::new();
            put(&mut table, "program", "p".to_owned());
            put(&mut table, key, "\u{0}".to_owned());
            let error = Config::deserialize(toml::Value::Table(table)).err();
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(!error.contains("unknown field"), "{key}: {error}");
        }
    }
}
