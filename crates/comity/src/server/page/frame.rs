//! The frame of every page: title, who is signed in, where one is, what was just done.
//!
//! `templates/console/layout.html` draws it. It decides nothing: which links it shows is a courtesy, and what an officer
//! may do is the gate's to say.

/// A link with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Where it leads.
    pub(crate) href: String,
    /// What it is called.
    pub(crate) name: String,
}

impl Link {
    pub(crate) fn new(href: impl Into<String>, name: impl Into<String>) -> Link {
        Link { href: href.into(), name: name.into() }
    }
}

/// Who is signed in, as the top of the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The name that the officer goes by.
    pub(crate) name: String,
    /// The roles, in words.
    pub(crate) roles: Vec<String>,
}

/// What stands around a page's own parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// The page's title, which is also its heading.
    pub(crate) title: String,
    /// Who is signed in.
    pub(crate) signed_in: Option<Shown>,
    /// The tab the page belongs to, by its address.
    pub(crate) current: String,
    /// What was done just now, said once.
    pub(crate) flash: Option<String>,
    /// What a form must bring back.
    pub(crate) csrf: String,
    /// The agency whose node it is.
    pub(crate) agency: Option<String>,
    /// Whether all of it is made up.
    pub(crate) demonstration: bool,
    /// The tabs for this officer's roles.
    pub(crate) tabs: Vec<Link>,
    /// The pages above this one.
    pub(crate) trail: Vec<Link>,
    /// Whether a form came back with errors: the title says so first.
    pub(crate) has_errors: bool,
    /// Whether it prints as a letter, without the top.
    pub(crate) alone: bool,
    /// The language of the page's own words, where it isn't English.
    pub(crate) lang: Option<String>,
}

impl Frame {
    /// Returns the frame of a page.
    pub(crate) fn new(title: impl Into<String>) -> Frame {
        Frame { title: title.into(), ..Frame::default() }
    }

    /// Puts the pages above this one.
    pub(crate) fn below(mut self, links: impl IntoIterator<Item = Link>) -> Frame {
        self.trail.extend(links);
        self
    }

    pub(crate) fn language(&self) -> &str {
        self.lang.as_deref().unwrap_or("en")
    }

    pub(crate) const fn home() -> &'static str {
        "/"
    }

    pub(crate) fn style() -> String {
        super::asset::href("console.css")
    }

    pub(crate) fn script() -> String {
        super::asset::href("console.js")
    }
}
