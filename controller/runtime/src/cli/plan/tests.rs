//! Tests of the renderers and of the exit code.

use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::preview::{
    Against, BucketPreview, EntryPreview, FieldChange, Part, PlannedChange, Problem, ResourcePreview,
    Severity, Source,
};
use lambda_triggers_core::status::Reason;

use super::destination::Output;
use super::*;

fn shown() -> Shown {
    Shown { title: "prod".into(), max_bytes: 60_000, unchanged: false, quiet: false }
}

fn resource(name: &str) -> ResourcePreview {
    let source = Source { file: "a.yaml".into(), line: 3 };
    ResourcePreview::new("ScheduledFunction", &ObjectKey::new("media", name), source)
}

fn change(part: Part, action: ChangeAction, fields: Vec<FieldChange>) -> PlannedChange {
    let (id, region, words) = ("lt-1".into(), "eu-west-1".into(), "report".into());
    PlannedChange { part, action, id, region, words, fields }
}

fn preview(resources: Vec<ResourcePreview>, buckets: Vec<BucketPreview>) -> Preview {
    let against = Against {
        aws: true,
        base: true,
        cluster: false,
        owner_id: "1a2b3c4d".into(),
        account: Some("123456789012".into()),
        region: Some("eu-west-1".into()),
    };
    Preview::new(against, resources, buckets)
}

/// The text without its styles.
fn plain(preview: &Preview, shown: &Shown) -> String {
    anstream::adapter::strip_str(&text::render(preview, shown)).to_string()
}

/// A resource of each kind of text: changed, drifting, deleted, and blocked by a text that wants to break out.
fn sample() -> Preview {
    let hour = FieldChange {
        path: "expression".into(),
        before: Some("rate(1 hour)".into()),
        after: Some("rate(2 hours)".into()),
        sensitive: false,
    };
    let input = FieldChange { path: "input".into(), before: None, after: None, sensitive: true };
    let mut changed = resource("changed");
    changed.schedule = Some("Every 2 hours.".into());
    changed.changes = vec![change(Part::Rule, ChangeAction::Update, vec![hour, input])];
    changed.decide(false, false, &[]);
    let mut drift = resource("drift");
    drift.changes = vec![
        change(Part::Target, ChangeAction::Update, vec![]),
        change(Part::Entry, ChangeAction::Delete, vec![]),
        PlannedChange {
            words: "bucket photos: all keys".into(),
            ..change(Part::Entry, ChangeAction::Create, vec![])
        },
    ];
    drift.decide(false, true, &[]);
    let mut gone = resource("gone");
    let rule = change(Part::Rule, ChangeAction::Delete, vec![]);
    gone.changes = vec![PlannedChange { region: "us-east-1".into(), ..rule }];
    gone.notes = vec!["permission x stays".into()];
    gone.decide(true, false, &[]);
    let mut blocked = resource("blocked");
    let message = "spec.a: <b>|`@all`\u{1b}[31m\nx";
    let problem = Problem::new(Reason::ConflictingEntry, Severity::Error, message);
    blocked.problems = vec![Problem { line: Some(9), ..problem }];
    blocked.decide(false, false, &[]);
    let entry = |id: Option<&str>, arn: &str, owner, action| EntryPreview {
        id: id.map(Into::into),
        arn: arn.into(),
        events: ["s3:ObjectCreated:*".to_owned()].into(),
        keys: "all keys".into(),
        owner,
        made_by: None,
        resource: None,
        action,
    };
    let bucket = BucketPreview {
        name: "photos".into(),
        region: "eu-west-1".into(),
        write: true,
        entries_before: 1,
        entries_after: 2,
        event_bridge: true,
        test_events: vec!["arn:aws:sqs:eu-west-1:1:audit".into()],
        entries: vec![
            entry(Some("audit"), "arn:aws:sqs:eu-west-1:1:audit", EntryOwner::Others, EntryAction::None),
            entry(
                None,
                "arn:aws:lambda:eu-west-1:1:function:f:live",
                EntryOwner::Operator,
                EntryAction::Create,
            ),
        ],
    };
    preview(vec![changed, drift, gone, blocked], vec![bucket])
}

#[test]
fn the_text_shows_changes_buckets_and_drift() {
    let expected = "\
owner id 1a2b3c4d, account 123456789012, eu-west-1, compared with AWS and the base

! ScheduledFunction media/blocked   a.yaml:3
    ! ConflictingEntry: spec.a: <b>|`@all`\u{fffd}[31m\u{fffd}x

~ ScheduledFunction media/changed
    ~ rule        lt-1
        expression: rate(1 hour) -> rate(2 hours)
        input: changed (--show-values shows it)
      runs        Every 2 hours.

- ScheduledFunction media/gone   in the base, not in the files
    - rule        lt-1   us-east-1
      note        permission x stays

Bucket photos   1 -> 2 of 100 entries; 1 of others stays as it is; EventBridge stays on
      audit     queue audit   all keys   s3:ObjectCreated:*   others
    + (no Id)   f:live        all keys   s3:ObjectCreated:*   another resource of this operator
    S3 sends a test event at this write to: arn:aws:sqs:eu-west-1:1:audit

Drift, not by this change (1): AWS differs, and the operator repairs it

~ ScheduledFunction media/drift
    ~ target      lt-1   report
    - entry       report
    + entry       bucket photos: all keys

2 to change, 1 to delete, 1 with drift, 1 problem.
";
    assert_eq!(plain(&sample(), &shown()), expected);
}

#[test]
fn signs_have_colours() {
    let text = text::render(&sample(), &shown());
    for styled in [
        "\u{1b}[31m!\u{1b}[0m \u{1b}[1mScheduledFunction media/blocked\u{1b}[0m",
        "    \u{1b}[33m~\u{1b}[0m rule ",
        "    \u{1b}[32m+\u{1b}[0m (no Id)   f:live ",
    ] {
        assert!(text.contains(styled), "{text:?}");
    }
}

#[test]
fn a_renamed_resource_is_one_block() {
    let mut renamed = resource("new");
    renamed.renamed_from = Some("media/old".into());
    renamed.changes =
        [ChangeAction::Create, ChangeAction::Delete].map(|action| change(Part::Rule, action, vec![])).into();
    renamed.decide(false, false, &[]);
    let expected = "\
~ ScheduledFunction media/new   renamed from media/old
    + rule        lt-1
    - rule        lt-1
";
    let preview = preview(vec![renamed], vec![]);
    let text = plain(&preview, &shown());
    assert!(text.contains(expected), "{text}");
    let row = "| ✏️ | `media/new`<br>ScheduledFunction | renamed from `media/old`<br>new rule: report<br>rule removed |\n";
    assert!(markdown::render(&preview, &shown()).contains(row));
}

#[test]
fn a_plan_without_changes_is_one_line() {
    let preview = preview(vec![resource("a")], vec![]);
    let head = "owner id 1a2b3c4d, account 123456789012, eu-west-1, compared with AWS and the base\n\n";
    let line = "No changes: AWS is as 1 resource says.\n";
    assert_eq!(plain(&preview, &shown()), format!("{head}{line}"));
    assert_eq!(plain(&preview, &Shown { quiet: true, ..shown() }), "");
    let all = plain(&preview, &Shown { unchanged: true, ..shown() });
    assert_eq!(all, format!("{head}  ScheduledFunction media/a\n\n{line}"));
}

#[test]
fn the_markdown_lets_no_text_break_out() {
    let markdown = markdown::render(&sample(), &shown());
    let expected = "\
<!-- lambda-triggers plan: prod -->
### prod: 2 to change, 1 to delete, 1 with drift, 1 problem

| | resource | change |
|---|---|---|
| ❗ | `media/blocked`<br>ScheduledFunction | **ConflictingEntry** |
| ➖ | `media/gone`<br>ScheduledFunction | rule removed |
| ✏️ | `media/changed`<br>ScheduledFunction | rule expression: `rate(1 hour)` → `rate(2 hours)`<br>rule input changed<br>Every 2 hours. |
| ✏️ | `media/drift`<br>ScheduledFunction | drift, not by this change:<br>target changed<br>entry removed: report<br>new entry: bucket photos: all keys |

<details open><summary>ScheduledFunction media/blocked</summary>

- **ConflictingEntry** (a.yaml:9): spec.a: &lt;b&gt;\\|\\`&#64;all\\`\u{fffd}\\[31m\u{fffd}x

</details>

<details><summary>ScheduledFunction media/gone</summary>

- `-` rule `lt-1` in us-east-1
- permission x stays

</details>

<details><summary>Bucket <code>photos</code>: 1 → 2 of 100 entries; 1 of others stays as it is; EventBridge stays on</summary>

| | keys | events | to | whose | entry |
|---|---|---|---|---|---|
| stays | all keys | s3:ObjectCreated:\\* | queue audit | others | `audit` |
| **new** | all keys | s3:ObjectCreated:\\* | f:live | another resource of this operator | `(no Id)` |

S3 sends a test event at this write to: arn:aws:sqs:eu-west-1:1:audit

</details>

<details><summary>ScheduledFunction media/changed</summary>

- runs: Every 2 hours.
- `~` rule `lt-1`
  - expression: rate(1 hour) → rate(2 hours)
  - input: changed (--show-values shows it)

</details>
";
    assert!(markdown.starts_with(expected), "{markdown}");
    assert!(markdown.ends_with(concat!(
        "compared with AWS and the base · lambda-triggers ",
        env!("CARGO_PKG_VERSION"),
        "</sub>\n"
    )));
}

#[test]
fn a_plan_shows_that_a_new_rule_is_disabled() {
    let field = |path: &str, after: serde_json::Value| FieldChange {
        path: path.into(),
        before: None,
        after: Some(after),
        sensitive: false,
    };
    let row = |enabled: bool| {
        let fields = vec![field("expression", "rate(1 day)".into()), field("enabled", enabled.into())];
        let mut new = resource("new");
        new.changes = vec![
            change(Part::Permission, ChangeAction::Create, vec![]),
            change(Part::Rule, ChangeAction::Create, fields),
        ];
        new.decide(false, false, &[]);
        let preview = preview(vec![new], vec![]);
        let line =
            |text: String, part: &str| text.lines().find(|line| line.contains(part)).map(str::to_owned);
        [line(markdown::render(&preview, &shown()), "➕"), line(plain(&preview, &shown()), "+ rule")]
    };
    let expected = |words: &str| {
        [
            Some(format!("| ➕ | `media/new`<br>ScheduledFunction | new rule `rate(1 day)`{words} |")),
            Some(format!("    + rule        lt-1   rate(1 day){words}")),
        ]
    };
    assert_eq!([row(true), row(false)], [expected(""), expected(", disabled")]);
}

#[test]
fn the_markdown_keeps_its_limit() {
    let many = |severity: Option<Severity>| {
        let one = |number: usize| {
            let mut one = resource(&format!("resource-{number}"));
            one.changes = vec![change(Part::Rule, ChangeAction::Create, vec![])];
            one.problems =
                severity.map(|one| Problem::new(Reason::InvalidSpec, one, "why")).into_iter().collect();
            one.decide(false, false, &[]);
            one
        };
        preview((0..5_000).map(one).collect(), vec![])
    };
    for plan in [many(None), many(Some(Severity::Error)), preview(vec![], vec![]), sample()] {
        for max_bytes in [1_500, 20_000, 60_000] {
            let markdown = markdown::render(&plan, &Shown { max_bytes, ..shown() });
            assert!(markdown.len() <= max_bytes, "{} of {max_bytes}", markdown.len());
            assert!(markdown.starts_with("<!-- lambda-triggers plan: prod -->\n### prod: "), "{markdown}");
        }
    }
    let markdown = markdown::render(&many(None), &shown());
    assert!(markdown.contains(" more resources: see the log of the job.\n"), "{markdown}");
}

#[test]
fn an_annotation_escapes_what_would_end_a_command() {
    let expected = "::error file=a.yaml,line=9,title=ConflictingEntry::ScheduledFunction media/blocked: spec.a: \
                    <b>|`@all`\u{1b}[31m%0Ax\n";
    assert_eq!(github::render(&sample()), expected);
}

#[test]
fn an_output_has_a_format_and_perhaps_a_file() {
    for text in ["text", "markdown=plan.md", "json=a=b", "github"] {
        assert!(Output::parse(text).is_ok(), "{text}");
    }
    assert!(Output::parse("yaml").unwrap_err().contains("markdown=plan.md"));
}

#[test]
fn the_exit_code_tells_changes_and_problems_apart() {
    let with = |action, severity: Option<Severity>| {
        let mut one = resource("a");
        one.changes = vec![change(Part::Rule, action, vec![])];
        one.problems =
            severity.map(|one| Problem::new(Reason::InvalidSpec, one, "why")).into_iter().collect();
        one.decide(false, false, &[]);
        preview(vec![one], vec![])
    };
    let none = preview(vec![resource("a")], vec![]);
    let created = with(ChangeAction::Create, None);
    let unknown = with(ChangeAction::Create, Some(Severity::Unknown));
    let deletes = with(ChangeAction::Delete, None);
    let warned = with(ChangeAction::Create, Some(Severity::Warning));
    let code =
        |preview: &Preview, codes, fail_on: &[FailOn]| format!("{:?}", exit_code(preview, codes, fail_on));
    let is = |number: u8| format!("{:?}", ExitCode::from(number));
    assert_eq!(code(&none, (2, false), &[]), is(0));
    assert_eq!(code(&created, (2, false), &[]), is(2));
    assert_eq!(code(&created, (0, false), &[]), is(0));
    assert_eq!(code(&warned, (2, false), &[]), is(2));
    assert_eq!(code(&unknown, (2, false), &[]), is(1));
    assert_eq!(code(&unknown, (2, true), &[]), is(0));
    assert_eq!(code(&with(ChangeAction::Create, Some(Severity::Error)), (2, true), &[]), is(1));
    assert_eq!(code(&deletes, (2, false), &[FailOn::Deletions]), is(1));
    assert_eq!(code(&created, (2, false), &[FailOn::Deletions]), is(2));
    assert_eq!(code(&with(ChangeAction::TakeOver, None), (2, false), &[FailOn::Takeovers]), is(1));
    assert_eq!(code(&sample(), (2, false), &[]), is(1));
    assert_eq!(code(&preview(vec![], vec![]), (2, false), &[FailOn::Empty]), is(1));
    let others =
        Preview { resources: vec![], summary: none.summary, result: PlanResult::NoChanges, ..sample() };
    assert_eq!(code(&others, (2, false), &[FailOn::Others]), is(1));
    assert_eq!(code(&others, (2, false), &[FailOn::Drift]), is(0));
}
