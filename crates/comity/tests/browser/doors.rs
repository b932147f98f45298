//! The doors that a demonstration does not show: what an officer chooses before anything else, and signing in where an
//! issuer vouches.

use super::life::{at, example, free_port, while_served};
use super::play;
use casework::store::accounts::Role;
use comity::server::config::Issuer;
use comity::server::{App, Config};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_sign_in_and_an_issuers_door_are_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().await;
    let mut config = Config::of_program(example());
    config.work = Some(folder.path().join("work"));
    config.listen.public = Some(format!("http://localhost:{port}"));
    // The clock of a test stands still, and so does what is counted by the minute.
    config.limits.requests_a_minute = 1_000_000;
    // Nobody is asked before somebody goes there.
    let issuer = || Issuer {
        address: "https://issuer.example".to_owned(),
        name: "the state's sign-in (fictional)".to_owned(),
        client: "comity".to_owned(),
        secret: None,
        authorities: None,
        levels: Vec::new(),
    };
    if cfg!(feature = "oidc") {
        config.issuers.officers = Some(issuer());
        config.issuers.individuals = Some(issuer());
    }
    let app = App::open(config, at("2027-01-04")).await.unwrap();
    let door = app.door();
    door.add("newcomer", "New Officer", None, None, &[Role::Reviewer].into(), app.now())
        .await
        .unwrap();
    door.reset("newcomer", "four words nobody would put together").await.unwrap();
    let link = door.once_link("newcomer", app.now()).await.unwrap();
    let told = json!({
        "base": format!("http://localhost:{port}"),
        "visits": [
            { "name": "newcomer", "link": link, "paths": ["/account/first"] },
            { "name": "nobody", "paths": ["/sign-in", "/me/sign-in"] },
        ],
    });
    let looked = while_served(&app, port, async {
        tokio::task::spawn_blocking(move || play("pages", &told)).await.unwrap()
    })
    .await;
    assert_eq!(looked["pages"], 3, "{looked}");
}
