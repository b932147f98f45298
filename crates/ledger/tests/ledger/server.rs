//! A PostgreSQL server of one's own, for one test: made in a temporary folder, reached by its socket, gone afterwards.
//!
//! It is never left out: without the installed server a test fails and says what to install.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// A server at work.
pub(crate) struct Server {
    place: TempDir,
    process: Child,
}

impl Server {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        let place = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = place.path().join("data");
        fs::create_dir(&data).unwrap();
        if is_root() {
            // The server refuses to run as root, so it runs as the user whom its package made.
            let id = |flag: &str| {
                let out = Command::new("id").args([flag, "postgres"]).output().unwrap();
                String::from_utf8(out.stdout).unwrap().trim().parse::<u32>().unwrap()
            };
            for folder in [place.path(), &data] {
                chown(folder, Some(id("-u")), Some(id("-g"))).unwrap();
            }
        }
        let made = program("initdb")
            .args(["--no-sync", "--auth=trust", "--username=comity", "--pgdata"])
            .arg(&data)
            .current_dir("/")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let process = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(place.path())
            .args(["-c", "listen_addresses="])
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { place, process };
        for _ in 0..600 {
            if program("pg_isready")
                .arg("-q")
                .arg("-h")
                .arg(server.place.path())
                .status()
                .unwrap()
                .success()
            {
                return server;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the server did not start within 30 seconds");
    }

    /// Returns how to reach it.
    pub(crate) fn parameters(&self) -> String {
        format!("host={} user=comity dbname=postgres", self.place.path().display())
    }

    /// Kills it with all its sessions, as the loss of its machine would, and starts it again on what it left.
    pub(crate) fn crash(mut self) -> Self {
        self.stop();
        self.start_again();
        self
    }

    /// Kills it with all its sessions, as the loss of its machine would.
    pub(crate) fn stop(&mut self) {
        let data = self.place.path().join("data");
        let stopped =
            program("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(&data).output().unwrap();
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
        self.process.wait().unwrap();
    }

    /// Starts it again on what it left.
    pub(crate) fn start_again(&mut self) {
        let data = self.place.path().join("data");
        let started = program("pg_ctl")
            .args(["start", "-w", "-D"])
            .arg(&data)
            .arg("-l")
            .arg(self.place.path().join("data/log"))
            .arg("-o")
            .arg(format!("-k {} -c listen_addresses=", self.place.path().display()))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(started.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.place.path().join("data");
        let _ = program("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(data).output();
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    let out = Command::new("id").arg("-u").output().unwrap();
    out.stdout.starts_with(b"0\n")
}

/// Returns a program of the newest server installed, to be run as a user it accepts.
fn program(name: &str) -> Command {
    let path = folder().join(name);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(path);
    command
}

fn folder() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|item| {
            Some((item.file_name().to_str()?.parse().ok()?, item.path().join("bin")))
        })
        .filter(|(_, bin): &(u32, PathBuf)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let elsewhere = Path::new("/usr/local/bin");
    match found.pop() {
        Some((_, bin)) => bin,
        None if elsewhere.join("initdb").exists() => elsewhere.to_owned(),
        None => panic!("there is no PostgreSQL server: install Debian's package postgresql-15"),
    }
}
