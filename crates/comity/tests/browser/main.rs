//! The console in a real browser: Chromium, on the demonstration and on a node whose time is moved on. The scenes beside
//! this file press what a person would press; this file makes the nodes and moves the time.
//!
//! `./test` installs what it takes: Chromium, Node, and playwright-core and axe-core from their registry.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

mod demonstration;
mod doors;
mod life;

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Plays a scene, and returns what it found.
fn play(scene: &str, told: &Value) -> Value {
    assert!(
        std::env::var_os("COMITY_BROWSER_MODULES").is_some(),
        "COMITY_BROWSER_MODULES is not set, without which no page is seen in a browser\n  install: Chromium, Node, and \
         npm install --prefix DIR playwright-core@1.65.1 axe-core@4.14.1; then set it to DIR/node_modules"
    );
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(format!("{scene}.mjs"));
    let output = Command::new("node").arg(script).arg(told.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{scene}: {said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{scene} found nothing: {said}"))
}
