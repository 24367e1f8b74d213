//! Storage and validation of a bucket's notification configuration.

use super::{Aws, aws, functions::entry, refusal, run};

const PUT: &[&str] = &["s3:ObjectCreated:Put"];

#[test]
fn reads_return_filter_names_with_a_capital() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("capital").await;
        let entry =
            entry("one", &aws.function_arn("capital"), PUT, &[("prefix", "images/"), ("suffix", ".jpg")]);
        aws.notify("capital", vec![entry]).await.expect("accepted");
        let answer = aws.raw("s3", "GET", "/capital?notification", "").await;
        let names: Vec<_> =
            answer.body.split("<Name>").skip(1).filter_map(|rest| rest.split("</Name>").next()).collect();
        assert_eq!((answer.status, names), (200, vec!["Prefix", "Suffix"]));
    });
}

#[test]
fn unknown_elements_and_attributes_are_kept_byte_for_byte() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("verbatim").await;
        let arn = aws.function_arn("verbatim");
        let document = format!(
            "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\" later='1'>\n  <!-- by hand -->\n  \
             <CloudFunctionConfiguration new=\"yes\"><Later>x &amp; y</Later><Id>one</Id><CloudFunction>{arn}</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>\n  <EventBridgeConfiguration/><TableConfiguration>t</TableConfiguration>\n\
             </NotificationConfiguration>"
        );
        assert_eq!(aws.raw("s3", "PUT", "/verbatim?notification", document.clone()).await.status, 200);
        assert_eq!(aws.raw("s3", "GET", "/verbatim?notification", "").await.body, document);
    });
}

#[test]
fn an_entry_without_an_id_gets_a_permanent_id() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("no-id").await;
        let arn = aws.function_arn("no-id");
        let section = format!(
            "<CloudFunctionConfiguration><CloudFunction>{arn}</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>"
        );
        assert_eq!(put(&aws, "no-id", &section).await.0, 200);
        let ids = aws.notification_ids("no-id").await;
        assert_eq!(ids.len(), 1);
        assert_eq!(aws.notification_ids("no-id").await, ids);
    });
}

#[test]
fn a_malformed_document_is_refused_and_changes_nothing() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("malformed").await;
        aws.notify("malformed", vec![entry("kept", &aws.function_arn("malformed"), PUT, &[])])
            .await
            .expect("accepted");
        for body in [
            "",
            "nonsense",
            "<NotificationConfiguration>",
            "<Tagging/>",
            "<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>",
        ]
        .map(str::to_owned)
        .into_iter()
        // XML 1.0 cannot contain these characters, not even as references.
        .chain(["\u{1}", "&#1;", "&#xB;", "\u{fffe}", "&#xFFFF;"].map(|character| {
            format!(
                "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:eu-west-1:1:q</Queue><Event>s3:ObjectRemoved:*</Event>\
                 <Filter><S3Key><FilterRule><Name>prefix</Name><Value>a{character}</Value></FilterRule></S3Key></Filter>\
                 </QueueConfiguration></NotificationConfiguration>"
            )
        })) {
            let answer = aws.raw("s3", "PUT", "/malformed?notification", body.clone()).await;
            assert_eq!(
                (answer.status, answer.body.contains("<Code>MalformedXML</Code>")),
                (400, true),
                "{body:?}: {}",
                answer.body
            );
        }
        assert_eq!(aws.notification_ids("malformed").await, ["kept"]);
    });
}

#[test]
fn a_refused_write_changes_nothing() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("unchanged").await;
        let arn = aws.function_arn("unchanged");
        aws.notify("unchanged", vec![entry("kept", &arn, PUT, &[])]).await.expect("accepted");
        let both = vec![
            entry("fine", &arn, &["s3:ObjectRemoved:*"], &[]),
            entry("bad", &arn, &["s3:ObjectEaten"], &[]),
        ];
        assert_eq!(refusal(aws.notify("unchanged", both).await).1, "InvalidArgument");
        assert_eq!(aws.notification_ids("unchanged").await, ["kept"]);
    });
}

#[test]
fn invalid_entries_are_refused() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("shape").await;
        let arn = aws.function_arn("shape");
        let long = "i".repeat(256);
        let long_value = "v".repeat(1025);
        let many = (0..101)
            .map(|number| entry(&format!("e{number}"), &arn, PUT, &[("prefix", &format!("{number:03}/"))]))
            .collect();
        let cases = [
            (
                vec![entry("one", &arn, &["s3:ObjectEaten:*"], &[])],
                "The event 's3:ObjectEaten:*' is not supported for notifications",
            ),
            (
                vec![entry("one", &arn, PUT, &[]), entry("one", &arn, &["s3:ObjectRemoved:*"], &[])],
                "Same ID used for multiple configurations. IDs must be unique",
            ),
            (vec![entry(&long, &arn, PUT, &[])], "The ID of a configuration can have at most 255 characters"),
            (
                vec![entry("one", &arn, PUT, &[("prefix", "a"), ("prefix", "b")])],
                "Cannot specify more than one prefix rule in a filter.",
            ),
            (
                vec![entry("one", &arn, PUT, &[("Suffix", "a"), ("suffix", "b")])],
                "Cannot specify more than one suffix rule in a filter.",
            ),
            (
                vec![entry("one", &arn, PUT, &[("infix", "a")])],
                "filter rule name must be either prefix or suffix",
            ),
            (
                vec![entry("one", &arn, PUT, &[("prefix", &long_value)])],
                "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
            ),
            (many, "The notification configuration has 101 entries; at most 100 are allowed"),
        ];
        for (entries, message) in cases {
            let expected = (400, "InvalidArgument".to_owned(), message.to_owned());
            assert_eq!(refusal(aws.notify("shape", entries).await), expected);
        }
        assert_eq!(aws.notification_ids("shape").await, Vec::<String>::new());
    });
}

#[test]
fn an_id_of_255_characters_and_100_entries_are_accepted() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("limits").await;
        let arn = aws.function_arn("limits");
        let id = |number: usize| format!("{number:0>255}");
        let entries = (0..100)
            .map(|number| entry(&id(number), &arn, PUT, &[("prefix", &format!("{number:03}/"))]))
            .collect();
        aws.notify("limits", entries).await.expect("accepted");
        assert_eq!(aws.notification_ids("limits").await, (0..100).map(id).collect::<Vec<_>>());
    });
}

/// Writes a document with one section; returns the status and the body of the answer.
async fn put(aws: &Aws, bucket: &str, section: &str) -> (u16, String) {
    let document = format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{section}</NotificationConfiguration>"
    );
    let answer = aws.raw("s3", "PUT", &format!("/{bucket}?notification"), document).await;
    (answer.status, answer.body)
}
