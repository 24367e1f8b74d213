//! Conflicts of entries in one bucket by event type and filter.

use super::{Aws, aws, functions::entry, refusal, run};

type Filter = &'static [(&'static str, &'static str)];

/// Writes two entries in one document; returns the message if S3 refuses the document.
async fn write_together(
    aws: &Aws,
    bucket: &str,
    one: (&str, Filter),
    other: (&str, Filter),
) -> Result<(), String> {
    let arn = aws.function_arn(bucket);
    let written = aws
        .notify(bucket, vec![entry("one", &arn, &[one.0], one.1), entry("other", &arn, &[other.0], other.1)])
        .await;
    if written.is_ok() { Ok(()) } else { Err(refusal(written).2) }
}

const OVERLAP: &str =
    "Configurations overlap. Configurations on the same bucket cannot share a common event type.";
const AMBIGUOUS: &str = "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.";

#[test]
fn entries_that_match_the_same_object_conflict() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("overlap").await;
        let conflicts: [(&str, Filter, &str, Filter, &str); 9] = [
            ("s3:ObjectCreated:*", &[], "s3:ObjectCreated:Put", &[], OVERLAP),
            ("s3:ObjectTagging:Delete", &[], "s3:ObjectTagging:*", &[], OVERLAP),
            ("s3:ObjectAnnotation:*", &[], "s3:ObjectAnnotation:Put", &[], OVERLAP),
            ("s3:ObjectAcl:Put", &[], "s3:ObjectAcl:Put", &[], OVERLAP),
            (
                "s3:ObjectCreated:*",
                &[("prefix", "images/")],
                "s3:ObjectCreated:Copy",
                &[("prefix", "images/raw/")],
                AMBIGUOUS,
            ),
            (
                "s3:ObjectCreated:*",
                &[("suffix", "jpg")],
                "s3:ObjectCreated:*",
                &[("suffix", "pg")],
                AMBIGUOUS,
            ),
            (
                "s3:ObjectCreated:*",
                &[("prefix", "images/")],
                "s3:ObjectCreated:*",
                &[("suffix", ".jpg")],
                AMBIGUOUS,
            ),
            ("s3:ObjectCreated:*", &[("prefix", "images/")], "s3:ObjectCreated:*", &[], AMBIGUOUS),
            // S3 compares the encoded texts: the suffixes are `=.csv` and `D.csv`.
            (
                "s3:ObjectCreated:*",
                &[("suffix", "%3D.csv")],
                "s3:ObjectCreated:*",
                &[("suffix", "D.csv")],
                AMBIGUOUS,
            ),
        ];
        for (event, filter, other_event, other_filter, message) in conflicts {
            assert_eq!(
                write_together(&aws, "overlap", (event, filter), (other_event, other_filter)).await,
                Err(message.to_owned()),
                "{event} {filter:?}"
            );
        }
    });
}

#[test]
fn entries_that_match_no_common_object_are_accepted() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("peaceful").await;
        let compatible: [(&str, Filter, &str, Filter); 6] = [
            ("s3:ObjectCreated:*", &[], "s3:ObjectRemoved:*", &[]),
            ("s3:ObjectCreated:Put", &[], "s3:ObjectCreated:Copy", &[]),
            ("s3:ObjectCreated:*", &[("suffix", ".jpg")], "s3:ObjectCreated:*", &[("suffix", ".png")]),
            ("s3:ObjectCreated:*", &[("prefix", "a/")], "s3:ObjectCreated:*", &[("prefix", "b/")]),
            ("s3:ObjectCreated:*", &[("prefix", "a%3D/")], "s3:ObjectCreated:*", &[("prefix", "a=/")]),
            (
                "s3:ObjectCreated:*",
                &[("prefix", "a/"), ("suffix", ".jpg")],
                "s3:ObjectCreated:*",
                &[("prefix", "a/b/"), ("suffix", ".png")],
            ),
        ];
        for (event, filter, other_event, other_filter) in compatible {
            assert_eq!(
                write_together(&aws, "peaceful", (event, filter), (other_event, other_filter)).await,
                Ok(()),
                "{event} {filter:?}"
            );
        }
    });
}

#[test]
fn a_queue_and_a_function_conflict() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("mixed").await;
        let (function, queue) =
            (aws.function_arn("mixed"), format!("arn:aws:sqs:{}:{}:queue", aws.region, aws.account));
        let document = format!(
            "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <CloudFunctionConfiguration><CloudFunction>{function}</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>\
             <QueueConfiguration><Queue>{queue}</Queue><Event>s3:ObjectCreated:Put</Event></QueueConfiguration>\
             </NotificationConfiguration>"
        );
        let answer = aws.raw("s3", "PUT", "/mixed?notification", document).await;
        assert_eq!((answer.status, answer.body.contains(OVERLAP)), (400, true), "{}", answer.body);
    });
}
