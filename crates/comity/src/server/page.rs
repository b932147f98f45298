//! The pages. What each shows is gathered elsewhere; here it is drawn.

use super::error::Problem;
use super::sign_in::{AccountView, SignInView};
use super::visit::Visit;
use super::App;
use askama::Template;
use axum::Router;
use axum::response::Html;

/// The routes of the pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head><body><main><h1>{{ title }}</h1>
{% for line in lines %}<p>{{ line }}</p>{% endfor %}
{% if !fields.is_empty() %}<form method="post" action="{{ action }}"><input type="hidden" name="csrf" value="{{ csrf }}">{% for (name, kind, value) in fields %}<p><label>{{ name }} <input name="{{ name }}" type="{{ kind }}" value="{{ value }}"></label></p>{% endfor %}<button>{{ title }}</button></form>{% endif %}</main></body></html>"#
)]
struct Plain<'a> {
    title: &'a str,
    lines: Vec<String>,
    action: &'a str,
    csrf: &'a str,
    fields: Vec<(&'a str, &'a str, &'a str)>,
}

impl Plain<'_> {
    fn draw(&self) -> Html<String> {
        Html(self.render().unwrap_or_default())
    }
}

/// Draws a problem.
pub(super) fn problem(_app: &App, _visit: Option<&Visit>, problem: &Problem) -> Html<String> {
    let mut lines = vec![problem.detail.clone()];
    for reason in &problem.reasons {
        lines.push(format!("{}: {} ({})", reason.rule, reason.reason, reason.cite));
        lines.push(reason.remedy.clone());
    }
    Plain { title: &problem.title, lines, action: "", csrf: "", fields: Vec::new() }.draw()
}

/// Draws the sign-in page.
pub(super) fn sign_in(_app: &App, visit: &Visit, view: &SignInView) -> Html<String> {
    let fields = vec![
        ("officer", "text", view.officer.as_str()),
        ("password", "password", ""),
        ("code", "text", ""),
        ("next", "hidden", view.next.as_str()),
    ];
    let lines = visit.flash.iter().chain(&view.wrong).cloned().collect();
    Plain { title: "Sign in", lines, action: "/sign-in", csrf: &visit.csrf, fields }.draw()
}

/// Draws the page of a link that signs in once.
pub(super) fn once(_app: &App, visit: &Visit, action: &str) -> Html<String> {
    let fields = vec![("next", "hidden", "")];
    Plain { title: "Sign in", lines: Vec::new(), action, csrf: &visit.csrf, fields }.draw()
}

/// Draws the officer's own account.
pub(super) fn account(_app: &App, visit: &Visit, view: &AccountView) -> Html<String> {
    let fields = vec![
        ("password", "password", ""),
        ("new_password", "password", ""),
        ("code", "text", ""),
    ];
    let lines = view.wrong.iter().cloned().collect();
    Plain { title: "Change the password", lines, action: "/account/password", csrf: &visit.csrf, fields }.draw()
}
