//! Tests of the report: that the page stands alone, is well formed, escapes what it shows and draws only what a
//! table beside it says.

use expect_test::expect_file;

use super::*;

fn text(value: &str) -> String {
    value.to_owned()
}

fn level(name: &str, m: f64, u: f64) -> Level {
    Level { name: text(name), m, u, weight: (m / u).log2() }
}

fn step(comparison: &str, level: &Level, frequency: f64) -> Step {
    let Level { name, m, u, weight } = level.clone();
    Step { comparison: text(comparison), level: name, m: Some(m), u: Some(u), weight, frequency }
}

/// A small report with something in every place.
fn small() -> Report {
    let surname = Comparison {
        name: text("surname"),
        levels: vec![
            level("the same", 0.91, 0.0012),
            level("nearly the same", 0.06, 0.0034),
            level("different", 0.03, 0.9954),
        ],
    };
    let born = Comparison {
        name: text("date of birth"),
        levels: vec![
            level("the same", 0.94, 0.000_03),
            level("one part differs", 0.05, 0.002),
            level("different", 0.01, 0.997_97),
        ],
    };
    let given = Comparison {
        name: text("given name"),
        levels: vec![level("the same", 0.88, 0.009), level("different", 0.12, 0.991)],
    };
    let steps = vec![
        step("surname", &surname.levels[0], 1.4),
        step("date of birth", &born.levels[0], 0.0),
        step("given name", &given.levels[1], 0.0),
        Step {
            comparison: text("kin"),
            level: text("of one household, or else akin"),
            weight: -2.4,
            ..Step::default()
        },
    ];
    let prior = -13.2;
    let weight = steps.iter().fold(prior, |weight, step| weight + step.weight + step.frequency);
    let bins: [u64; 16] =
        [1200, 98_211, 40_000, 8000, 910, 80, 12, 0, 3, 1, 0, 4, 22, 160, 300, 41];
    Report {
        program: text("Unemployment benefits and wages"),
        demonstration: true,
        environment: text("test"),
        run: text("2027Q1"),
        cycle: text("2027Q1"),
        made: text("2027-04-02 09:30 UTC"),
        as_of: vec![
            AsOf { what: text("quarterly wage records"), date: text("2027-03-31") },
            AsOf { what: text("benefit caseload"), date: text("2027-03-31") },
        ],
        agreement: Agreement {
            id: text("DOL-WAGE-2027"),
            digest: text("3c9d2f5e0f4b7a61c8b1d0e9a7f6c5b4d3e2f1a09b8c7d6e5f4a3b2c1d0e9f8a"),
            begins: text("2027-01-01"),
            ends: text("2028-06-30"),
            continues: Some(text("DOL-WAGE-2025")),
        },
        purpose: text(
            "To find benefit payments for weeks in which wages were reported, so that a person can look into them.",
        ),
        authorities: vec![text("42 U.S.C. 503(a)"), text("5 U.S.C. 552a(o)")],
        record_sets: vec![RecordSet {
            name: text("quarterly wage records"),
            party: text("Department of Labor"),
            basis: text("routine use 3, 5 U.S.C. 552a(b)(3)"),
        }],
        parties: vec![
            Party { name: text("Department of Labor"), roles: vec![text("source")] },
            Party {
                name: text("Benefits Agency"),
                roles: vec![text("recipient"), text("matching agent")],
            },
        ],
        packs: vec![Pack { id: text("us-cmppa 2026-07-01"), digest: text("77aa51c0") }],
        decisions: vec![
            Decision {
                when: text("2027-04-02 09:12"),
                act: text("run"),
                party: text("Benefits Agency"),
                outcome: Outcome::Permit,
            },
            Decision {
                when: text("2027-04-02 09:01"),
                act: text("run"),
                party: text("Benefits Agency"),
                outcome: Outcome::Refusal(vec![Reason {
                    id: text("F1"),
                    reason: text("the agreement is not signed by every party"),
                    cite: text("5 U.S.C. 552a(o)(2)"),
                    remedy: text("have Department of Labor sign it"),
                }]),
            },
        ],
        files: vec![
            File {
                party: text("Department of Labor"),
                name: text("wages.csv"),
                rows: 120_432,
                digest: text("aa01"),
                caveats: vec![text("no record has a value for `middle name`")],
            },
            File {
                party: text("Benefits Agency"),
                name: text("caseload.parquet"),
                rows: 48_210,
                digest: text("bb02"),
                caveats: Vec::new(),
            },
        ],
        rules: vec![
            RuleCount {
                rule: text("surname and date of birth"),
                pairs: 31_002,
                cumulative: 31_002,
            },
            RuleCount {
                rule: text("date of birth and postcode"),
                pairs: 117_942,
                cumulative: 148_944,
            },
        ],
        counts: Counts {
            scored: 148_944,
            above_threshold: 523,
            one_to_one: 511,
            named: None,
            in_caseload: 498,
            with_discrepancy: 131,
            known_not_same: 4,
            covered: 4,
            leads_opened: 27,
            held_for_pilot: 100,
            destroyed: 148_817,
        },
        kept: text("left when each record may be in one pair only"),
        failed_pilot: None,
        term: Term { cycles: 2, leads_opened: 61, judged: 40 },
        model: Model {
            digest: text("5f0e77"),
            origin: text("trained in this cycle without labels, by the recipe in the agreement"),
            prior,
            comparisons: vec![surname, given, born],
            kin: vec![
                Kin {
                    for_each_same: 1.7,
                    levels: vec![
                        vec![0.62, 0.05, 0.33],
                        vec![0.02, 0.98],
                        vec![0.001, 0.009, 0.99],
                    ],
                },
                Kin {
                    for_each_same: 0.04,
                    levels: vec![vec![0.97, 0.01, 0.02], vec![0.03, 0.97], vec![0.88, 0.02, 0.1]],
                },
            ],
        },
        distribution: bins
            .iter()
            .enumerate()
            .map(|(index, pairs)| Bin {
                from: -20.0 + 2.5 * index as f64,
                to: -17.5 + 2.5 * index as f64,
                pairs: *pairs,
            })
            .collect(),
        threshold: Threshold {
            weight: 5.0,
            rule: text("the lowest weight at which the expected precision is 99 %"),
            precision: Some(Estimate {
                share: 0.9931,
                interval: Some((0.989, 0.996)),
                how: text(
                    "from the model’s own probabilities over the pairs at or above the threshold; the pilot will measure it",
                ),
            }),
        },
        missing: vec![
            Missing {
                element: text("surname"),
                source: Share { count: 120, of: 120_432 },
                recipient: Share { count: 0, of: 48_210 },
            },
            Missing {
                element: text("date of birth"),
                source: Share { count: 9031, of: 120_432 },
                recipient: Share { count: 2210, of: 48_210 },
            },
            Missing {
                element: text("middle name"),
                source: Share { count: 120_432, of: 120_432 },
                recipient: Share { count: 30_200, of: 48_210 },
            },
        ],
        unread: vec![Unread {
            element: text("caseload.date_of_birth"),
            share: Share { count: 2000, of: 48_210 },
        }],
        patterns: vec![
            PatternCount {
                levels: vec![
                    text("the same"),
                    text("the same"),
                    text("the same"),
                    text("of one household, or else akin"),
                ],
                weights: (13.1, 19.4),
                leads: 20,
            },
            PatternCount {
                levels: vec![
                    text("the same"),
                    text("different"),
                    text("the same"),
                    text("of one household, or else akin"),
                ],
                weights: (8.9, 8.9),
                leads: 7,
            },
        ],
        waterfalls: vec![Waterfall {
            lead: text("2027Q1-000017"),
            prior,
            steps,
            weight,
            threshold: 5.0,
        }],
        disclosures: vec![Disclosure {
            when: text("2027-04-02 09:29"),
            recipient: text("Benefits Agency"),
            elements: vec![text("employer"), text("quarterly wages")],
            records: 27,
            entry: 14,
        }],
        destroyed: vec![Destroyed {
            when: text("2027-04-02 09:29"),
            what: text("pairs that are no lead"),
            count: 148_817,
            why: text("article 9 of the agreement, F2"),
        }],
        checkpoint: Checkpoint {
            origin: text("benefits.example/wages/2027"),
            size: 16,
            root: text("q0k7Y3cJ1m1W0zZr3dYk1g5eD0c0bq8p8d9w3yq6n4o="),
            vkey: text("benefits.example/wages/2027+4f1c2a90+AXq0"),
            folder: text("examples/benefits"),
        },
    }
}

/// Sees that every element that is opened is closed, in order, and returns the names of all opened.
fn well_formed(page: &str) -> Vec<String> {
    const VOID: [&str; 3] = ["meta", "br", "!doctype"];
    let mut open: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        let style = tag == "style";
        assert!(style || !rest.contains('>'), "a stray `>`: {rest}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in order");
            continue;
        }
        let name = tag.split([' ', '\n']).next().unwrap().to_owned();
        assert_eq!(tag.matches('"').count() % 2, 0, "attributes are quoted: {tag}");
        names.push(name.clone());
        if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    names
}

fn reports() -> [Report; 2] {
    [small(), Report::default()]
}

#[test]
fn a_small_report_looks_like_this() {
    expect_file!["../../templates/report.snapshot.html"].assert_eq(&small().html().unwrap());
}

#[test]
fn the_page_is_well_formed_with_and_without_leads() {
    for report in reports() {
        let names = well_formed(&report.html().unwrap());
        assert_eq!(names.iter().filter(|name| *name == "h1").count(), 1);
        let levels = names.iter().filter_map(|name| name.strip_prefix('h')?.parse::<u8>().ok());
        levels.fold(0, |before, level| {
            assert!(level <= before + 1, "headings come in order");
            level
        });
    }
}

#[test]
fn the_page_fetches_nothing_and_runs_nothing() {
    for report in reports() {
        let page = report.html().unwrap().replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        let foreign = [
            "http:",
            "https:",
            "<script",
            "<link",
            "<img",
            "src=",
            "url(",
            "@import",
            "javascript:",
            " onload=",
            " onclick=",
        ];
        for word in foreign {
            assert!(!page.contains(word), "{word}");
        }
    }
}

#[test]
fn every_chart_has_a_title_a_description_and_its_table() {
    let page = small().html().unwrap();
    let figures: Vec<&str> = page
        .split("<figure>")
        .skip(1)
        .map(|part| part.split("</figure>").next().unwrap())
        .collect();
    assert_eq!(figures.len(), 4);
    assert_eq!(page.matches("<svg").count(), 4, "no chart stands outside a figure");
    for figure in figures {
        for part in
            ["<svg", "role=\"img\"", "<title>", "<desc>", "<figcaption>", "<table>", "<caption>"]
        {
            assert!(figure.contains(part), "{part}");
        }
    }
}

/// The cells of a row, or the columns of a header, each as many columns as it spans.
fn columns(row: &str) -> usize {
    let cells = row.split("<th").skip(1).chain(row.split("<td").skip(1));
    cells
        .filter(|cell| cell.starts_with([' ', '>']))
        .map(|cell| {
            let tag = cell.split('>').next().unwrap();
            let span = tag.split("colspan=\"").nth(1);
            span.map_or(1, |span| span.split('"').next().unwrap().parse::<usize>().unwrap())
        })
        .sum()
}

#[test]
fn the_rows_of_leads_by_pattern_have_as_many_cells_as_their_header_with_kin_and_without() {
    let mut without = small();
    without.model.kin.clear();
    for pattern in &mut without.patterns {
        pattern.levels.pop();
    }
    for report in [small(), without] {
        let page = report.html().unwrap();
        let table = page.split("<caption>Leads by pattern</caption>").nth(1).unwrap();
        let table = table.split("</table>").next().unwrap();
        let rows: Vec<usize> = table.split("<tr").skip(1).map(columns).collect();
        assert_eq!(rows.len(), 3, "a header and two patterns");
        let kin = usize::from(!report.model.kin.is_empty());
        assert_eq!(rows[0], report.model.comparisons.len() + kin + 2);
        assert!(rows.iter().all(|row| *row == rows[0]), "{rows:?}");
    }
}

#[test]
fn kin_are_in_the_model_s_section_and_have_neither_m_nor_u() {
    let page = small().html().unwrap();
    let table = page.split("<caption>Classes of kin").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    for shown in ["Kin 1: 1.700 pairs for", "Kin 2: 0.0400 pairs for", ">0.620<", ">0.880<"] {
        assert!(table.contains(shown), "{shown}");
    }
    let row = page.split("<th scope=\"row\">kin</th>").nth(1).unwrap();
    let row = row.split("</tr>").next().unwrap();
    assert_eq!(row.matches(">\u{2013}</td>").count(), 2, "{row}");
    assert!(!Report::default().html().unwrap().contains("Classes of kin"));
}

#[test]
fn dates_that_could_not_be_read_are_told_where_values_are_missing() {
    let page = small().html().unwrap();
    let section = page.split("<section id=\"missing\">").nth(1).unwrap();
    let section = section.split("</section>").next().unwrap();
    for shown in ["caseload.date_of_birth", ">2,000<", ">4.1 %<"] {
        assert!(section.contains(shown), "{shown}");
    }
    assert!(!Report::default().html().unwrap().contains("Dates that could not be read"));
}

#[test]
fn a_report_of_an_earlier_version_is_still_read() {
    let mut earlier = serde_json::to_value(small()).unwrap();
    let fields = earlier.as_object_mut().unwrap();
    for name in ["kept", "unread"] {
        fields.remove(name).unwrap();
    }
    fields["model"].as_object_mut().unwrap().remove("kin").unwrap();
    fields["waterfalls"][0]["steps"][0]["m"] = serde_json::json!(0.91);
    let read: Report = serde_json::from_value(earlier).unwrap();
    assert_eq!(read.counts, small().counts);
    let page = read.html().unwrap();
    assert!(page.contains("<th scope=\"row\">left of these</th>"));
}

#[test]
fn an_empty_report_says_that_there_is_nothing() {
    let page = Report::default().html().unwrap();
    for sentence in [
        "No lead was opened in this cycle.",
        "No pair was scored.",
        "No file was read.",
        "Nothing was disclosed.",
        "not estimated",
    ] {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(!page.contains("<svg"));
    assert!(!page.contains("NaN") && !page.contains("inf "));
}

#[test]
fn what_is_shown_is_escaped_in_text_and_in_charts() {
    let evil = "<script>prompt(\"1\")</script>&'";
    let mut report = small();
    report.program = text(evil);
    report.model.comparisons[0].name = text(evil);
    report.model.comparisons[0].levels[0].name = text(evil);
    report.missing[0].element = text(evil);
    report.waterfalls[0].lead = text(evil);
    report.waterfalls[0].steps[0].comparison = text(evil);
    report.files[0].caveats[0] = text(evil);
    report.decisions[0].act = text(evil);
    let page = report.html().unwrap();
    assert!(!page.contains("<script"));
    well_formed(&page);
}

#[test]
fn a_refusal_without_reasons_is_still_shown_as_refused() {
    let mut report = small();
    report.decisions =
        vec![Decision { outcome: Outcome::Refusal(Vec::new()), ..report.decisions[0].clone() }];
    let page = report.html().unwrap();
    assert!(page.contains(">refused<") && !page.contains(">permitted<"));
}

#[test]
fn no_figure_is_lost_to_a_strange_model() {
    let mut report = small();
    report.model.comparisons[0].levels[0].weight = 0.0;
    report.distribution = vec![Bin { from: 3.0, to: 3.0, pairs: u64::MAX }];
    report.threshold.weight = 1e9;
    report.waterfalls[0].steps.clear();
    let page = report.html().unwrap();
    well_formed(&page);
    assert!(!page.contains("NaN"));
}

#[test]
fn the_page_draws_the_first_few_leads_only() {
    let mut report = small();
    report.waterfalls = vec![report.waterfalls[0].clone(); 9];
    assert_eq!(report.html().unwrap().matches("<svg").count(), 3 + 3);
}

#[test]
fn a_waterfall_stands_alone() {
    let svg = waterfall_svg(&small().waterfalls[0]);
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"));
    well_formed(&svg);
}

#[test]
fn the_same_facts_are_there_as_json() {
    let facts = serde_json::to_value(small()).unwrap();
    assert_eq!(facts["counts"]["leads_opened"], 27);
    assert_eq!(facts["decisions"][0]["outcome"], "permit");
    assert_eq!(facts["decisions"][1]["outcome"]["refusal"][0]["id"], "F1");
}
