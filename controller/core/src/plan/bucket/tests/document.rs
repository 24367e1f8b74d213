//! Documents as written by S3 and other tools, and their parsed values.

use super::*;

fn read(xml: &str) -> Document {
    Document::parse(xml).unwrap()
}

/// The document after the addition of an own entry.
fn with_own_entry(xml: &str) -> String {
    after(&read(xml), &[wants("one", 1, "f", "s3:ObjectCreated:Post", &["x/"])]).to_xml()
}

/// The text of the own entry.
fn own_entry() -> String {
    let xml = with_own_entry(&format!("{OPEN}{CLOSE}"));
    xml.strip_prefix(OPEN).and_then(|xml| xml.strip_suffix(CLOSE)).unwrap().to_owned()
}

fn events(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn entries_of_all_destinations_are_parsed() {
    let xml = format!(
        "{OPEN}\
         <TopicConfiguration><Id>alarm</Id><Topic>arn:aws:sns:eu-west-1:1:t</Topic><Event>s3:ReducedRedundancyLostObject</Event>\
         </TopicConfiguration>\
         <QueueConfiguration><Id>uploads</Id><Queue>arn:aws:sqs:eu-west-1:1:q</Queue><Event>s3:ObjectCreated:*</Event>\
         <Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.jpg</Value></FilterRule>\
         <FilterRule><Name>Prefix</Name><Value>in/</Value></FilterRule></S3Key></Filter></QueueConfiguration>\
         <CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:eu-west-1:1:function:f</CloudFunction>\
         <Event>s3:ObjectRemoved:*</Event><Event>s3:ObjectCreated:Put</Event>\
         <Filter><S3Key><FilterRule><Name>prefix</Name><Value>a&amp;b/</Value></FilterRule></S3Key></Filter>\
         </CloudFunctionConfiguration>\
         <EventBridgeConfiguration/>{CLOSE}"
    );
    let document = read(&xml);
    let topic = Entry {
        destination: Destination::Topic,
        arn: "arn:aws:sns:eu-west-1:1:t".into(),
        id: Some("alarm".into()),
        events: events(&["s3:ReducedRedundancyLostObject"]),
        filter: Filter::default(),
    };
    let queue = Entry {
        destination: Destination::Queue,
        arn: "arn:aws:sqs:eu-west-1:1:q".into(),
        id: Some("uploads".into()),
        events: events(&["s3:ObjectCreated:*"]),
        filter: Filter { prefix: "in/".into(), suffix: ".jpg".into() },
    };
    let function = Entry {
        destination: Destination::Function,
        arn: "arn:aws:lambda:eu-west-1:1:function:f".into(),
        id: None,
        events: events(&["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]),
        filter: Filter { prefix: "a&b/".into(), suffix: String::new() },
    };
    assert_eq!(document.entries().cloned().collect::<Vec<_>>(), [topic, queue, function]);
    assert_eq!(
        document.entries().map(Entry::describe).collect::<Vec<_>>(),
        [
            r#"topic entry "alarm" (s3:ReducedRedundancyLostObject, all keys)"#,
            r#"queue entry "uploads" (s3:ObjectCreated:*, in/*.jpg)"#,
            "function entry without Id (s3:ObjectCreated:Put, s3:ObjectRemoved:*, a&b/)",
        ]
    );
    assert_eq!(document.to_xml(), xml);
}

#[test]
fn an_own_entry_parses_to_the_same_entry() {
    for (prefix, suffix, written) in [
        ("", "", ""),
        ("in/", "", "<FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule>"),
        ("", ".jpg", "<FilterRule><Name>suffix</Name><Value>.jpg</Value></FilterRule>"),
        (
            "a<b>&c/",
            "\t\r\n",
            "<FilterRule><Name>prefix</Name><Value>a&lt;b&gt;&amp;c/</Value></FilterRule>\
             <FilterRule><Name>suffix</Name><Value>&#9;&#13;&#10;</Value></FilterRule>",
        ),
    ] {
        let entry = Entry {
            destination: Destination::Function,
            arn: function("f"),
            id: Some("lt".into()),
            events: events(&["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]),
            filter: Filter { prefix: prefix.into(), suffix: suffix.into() },
        };
        let child = Child::from_entry(entry.clone());
        let filter = match written {
            "" => String::new(),
            rules => format!("<Filter><S3Key>{rules}</S3Key></Filter>"),
        };
        let expected = format!(
            "<CloudFunctionConfiguration><Id>lt</Id><CloudFunction>{}</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event>{filter}</CloudFunctionConfiguration>",
            function("f")
        );
        assert_eq!(child.raw, expected);
        assert_eq!(document(&[child.raw]).entries().cloned().collect::<Vec<_>>(), [entry]);
    }
}

#[test]
fn text_around_the_entries_stays_the_same() {
    let own_entry = own_entry();
    let namespace = r#" xmlns="http://s3.amazonaws.com/doc/2006-03-01/""#;
    for (before, expected) in [
        (format!("{OPEN}{CLOSE}"), format!("{OPEN}{own_entry}{CLOSE}")),
        (format!("<NotificationConfiguration{namespace}/>"), format!("{OPEN}{own_entry}{CLOSE}")),
        (format!("<NotificationConfiguration{namespace} />"), format!("{OPEN}{own_entry}{CLOSE}")),
        (
            format!("<?xml version=\"1.0\"?>\n<NotificationConfiguration a='1'{namespace}/>\n<!-- end -->"),
            format!(
                "<?xml version=\"1.0\"?>\n<NotificationConfiguration a='1'{namespace}>{own_entry}{CLOSE}\n<!-- end -->"
            ),
        ),
        (format!("<NotificationConfiguration a='1>0'{namespace}></NotificationConfiguration >"), {
            format!("<NotificationConfiguration a='1>0'{namespace}>{own_entry}</NotificationConfiguration >")
        }),
        (format!("<NotificationConfiguration a='1>0'{namespace}/>"), {
            format!("<NotificationConfiguration a='1>0'{namespace}>{own_entry}{CLOSE}")
        }),
        // S3 would reject a document without the namespace.
        ("<NotificationConfiguration/>".to_owned(), format!("{OPEN}{own_entry}{CLOSE}")),
        (
            "<?xml version=\"1.0\"?>\n<NotificationConfiguration a='1'> </NotificationConfiguration>"
                .to_owned(),
            format!(
                "<?xml version=\"1.0\"?>\n<NotificationConfiguration{namespace} a='1'> {own_entry}{CLOSE}"
            ),
        ),
    ] {
        assert_eq!(with_own_entry(&before), expected, "{before}");
    }
}

#[test]
fn a_new_entry_is_inserted_in_schema_order() {
    let own_entry = own_entry();
    let theirs = foreign(
        "CloudFunctionConfiguration",
        "CloudFunction",
        &function("theirs"),
        Some("theirs"),
        "s3:ObjectRemoved:*",
        "",
    );
    let queue = foreign("QueueConfiguration", "Queue", "arn:q", Some("q"), "s3:ObjectRemoved:*", "q/");
    let event_bridge = "<EventBridgeConfiguration></EventBridgeConfiguration>";
    for (before, expected) in [
        (vec![queue.as_str()], vec![queue.as_str(), &own_entry]),
        (vec![&queue, event_bridge], vec![&queue, &own_entry, event_bridge]),
        (vec![&theirs, &queue, event_bridge], vec![&theirs, &own_entry, &queue, event_bridge]),
        (
            vec![&queue, &queue, &theirs, event_bridge],
            vec![&queue, &queue, &theirs, &own_entry, event_bridge],
        ),
    ] {
        let document = |children: &[&str]| format!("{OPEN}{}{CLOSE}", children.concat());
        assert_eq!(with_own_entry(&document(&before)), document(&expected));
    }
}

#[test]
fn other_documents_are_rejected_with_their_root() {
    let refusal = |xml: &str| Document::parse(xml).unwrap_err().to_string();
    assert_eq!(
        refusal("<Error><Code>SlowDown</Code></Error>"),
        "the answer's root element is Error, not NotificationConfiguration"
    );
    assert_eq!(
        refusal("<s3:NotificationConfiguration xmlns:s3='http://s3.amazonaws.com/doc/2006-03-01/'/>"),
        "the answer's root element is s3:NotificationConfiguration, not NotificationConfiguration"
    );
    assert_eq!(
        refusal("<NotificationConfiguration>"),
        "the notification configuration is not well-formed XML"
    );
}
