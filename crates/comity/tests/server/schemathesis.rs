//! The server's own document, asked by somebody else's program: schemathesis makes calls that fit it and calls that do
//! not, and looks at each answer. None may be a failure of ours, and none may be one that the document does not name.

use super::place::Place;
use casework::store::accounts::Role;
use std::process::Command;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn schemathesis() -> String {
    let program =
        std::env::var("COMITY_SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned());
    let found = Command::new(&program).arg("--version").output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "`{program}` is not there, without which nobody else asks the server\n  install it: python3 -m venv DIR && \
         DIR/bin/pip install schemathesis==4.32.5, and set COMITY_SCHEMATHESIS=DIR/bin/schemathesis"
    );
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_makes_the_server_fail_or_answer_what_its_document_does_not_name() {
    let program = schemathesis();
    let place = Place::with(|config| config.limits.requests_a_minute = 10_000_000).await;
    place.officer("everything", &Role::ALL).await;
    let key = place.key("everything").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = place.app.clone();
    let mut served = tokio::task::JoinSet::new();
    served.spawn(async move { app.serve(listener, async { drop(stopped.await) }).await });

    let examples = if std::env::var_os("COMITY_LONG").is_some() { "500" } else { "25" };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(folder.path())
        .env("HYPOTHESIS_DATABASE_FILE", folder.path().join("hypothesis"))
        .arg("run")
        .arg(format!("http://{address}/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--seed", "7", "--generation-deterministic", "--max-examples", examples])
        .args(["--phases", "examples,coverage,fuzzing", "--workers", "1"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,\
             response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method",
        ]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    stop.send(()).unwrap();
    served.join_next().await.unwrap().unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // It ends well with warnings too; that every call it made was answered as documented is what counts here.
    let counted = |line: &str| -> Option<(String, String)> {
        let (generated, passed) =
            line.trim().strip_suffix(" passed")?.split_once(" generated, ")?;
        Some((generated.to_owned(), passed.to_owned()))
    };
    let (generated, passed) = said.lines().find_map(counted).unwrap();
    assert_eq!(generated, passed, "{said}");
    assert!(generated.parse::<u32>().unwrap() > 100, "{said}");
}
