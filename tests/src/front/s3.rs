//! S3: bucket owners, Regions and notification configurations.

use hyper::body::Bytes;

use super::{
    arn::FunctionRef,
    bucket_check::{access_denied, check_destination_region, check_destinations, other_region, why_broken},
    call::Request,
    notification::{Destination, EMPTY, Notification},
    notification_rules::check,
    state::{Account, Bucket, Shared},
    upstream::with_body,
    wire::{Answer, Refusal, request_id, xml_answer},
};

/// Answers a request to S3. Buckets are addressed by path.
pub(super) async fn handle(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let forward = || shared.upstream.forward(request);
    if request.resource.is_empty() {
        return Ok(forward().await?);
    }
    let account = shared.account(&request.account);
    let mut account = account.lock().await;
    if request.operation == "CreateBucket" {
        let answer = forward().await?;
        if answer.status().is_success() {
            adopt(shared, &mut account, request).await?;
        }
        return Ok(answer);
    }
    if !account.buckets.contains_key(&request.resource) && !adopt(shared, &mut account, request).await? {
        // The emulator would answer that there is no such bucket.
        let held = shared.with_held_buckets(|held| held.contains(&request.resource));
        return if held { Err(access_denied()) } else { Ok(forward().await?) };
    }
    let Some(bucket) = account.buckets.get(&request.resource) else {
        return Ok(forward().await?);
    };
    check_owner(bucket, request)?;
    check_region(bucket, request)?;
    match request.operation.as_str() {
        "PutBucketNotificationConfiguration" => put_notification(shared, &mut account, request).await,
        "GetBucketNotificationConfiguration" => {
            let raw = bucket.notification.as_ref().map_or(EMPTY, |notification| notification.raw.as_str());
            Ok(xml_answer(raw.to_owned()))
        }
        "DeleteBucket" => {
            let answer = forward().await?;
            if answer.status().is_success() {
                account.buckets.remove(&request.resource);
                shared.with_held_buckets(|held| held.remove(&request.resource));
            }
            Ok(answer)
        }
        _ => {
            // Objects may be large and many: they do not wait for each other.
            drop(account);
            Ok(forward().await?)
        }
    }
}

/// Answers a read of a notification configuration with the document before the present one.
pub(super) async fn stale_read(shared: &Shared, request: &Request) -> Answer {
    let account = shared.account(&request.account);
    let account = account.lock().await;
    let previous = account.buckets.get(&request.resource).and_then(|bucket| bucket.previous.clone());
    xml_answer(previous.unwrap_or_else(|| EMPTY.to_owned()))
}

/// The notification configuration as a read would return it now.
pub(super) async fn current(shared: &Shared, account: &str, bucket: &str) -> String {
    let account = shared.account(account);
    let account = account.lock().await;
    let notification = account.buckets.get(bucket).and_then(|bucket| bucket.notification.as_ref());
    notification.map_or_else(|| EMPTY.to_owned(), |notification| notification.raw.clone())
}

/// Takes note of a bucket that the emulator has. False if it has none of that name.
async fn adopt(shared: &Shared, account: &mut Account, request: &Request) -> Result<bool, Refusal> {
    let scope = (request.account.as_str(), request.region.as_str(), "s3");
    let path = format!("/{}?location", request.resource);
    let answer = shared.upstream.own(scope, hyper::Method::GET, &path, &[], Bytes::new()).await?;
    if !answer.status().is_success() {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(answer.body());
    let constraint =
        roxmltree::Document::parse(&text).ok().and_then(|xml| xml.root_element().text().map(str::to_owned));
    let region = match constraint.as_deref() {
        None | Some("") => "us-east-1",
        Some("EU") => "eu-west-1",
        Some(region) => region,
    };
    let bucket = Bucket {
        owner: request.account.clone(),
        region: region.to_owned(),
        notification: None,
        previous: None,
        delivered: None,
    };
    account.buckets.entry(request.resource.clone()).or_insert(bucket);
    shared.with_held_buckets(|held| held.insert(request.resource.clone()));
    Ok(true)
}

fn check_owner(bucket: &Bucket, request: &Request) -> Result<(), Refusal> {
    let expected = request.header("x-amz-expected-bucket-owner");
    let matches = expected.is_none_or(|expected| expected == bucket.owner);
    matches.then_some(()).ok_or_else(access_denied)
}

/// A bucket is reached through the endpoint of its own Region; only its location can be asked for through us-east-1.
fn check_region(bucket: &Bucket, request: &Request) -> Result<(), Refusal> {
    let asks_where = request.operation == "GetBucketLocation" && request.region == "us-east-1";
    let here = bucket.region == request.region || asks_where;
    if here { Ok(()) } else { Err(other_region(&request.resource, &bucket.region)) }
}

async fn put_notification(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
) -> Result<Answer, Refusal> {
    let notification = Notification::parse(&request.body, |_| request_id())?;
    check(&notification)?;
    let Some(bucket) = account.buckets.get(&request.resource) else {
        return Ok(shared.upstream.forward(request).await?);
    };
    let owner = bucket.owner.clone();
    for entry in &notification.entries {
        check_destination_region(entry, &bucket.region)?;
    }
    let skips = request
        .header("x-amz-skip-destination-validation")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !skips {
        check_functions(shared, account, request, &owner, &notification).await?;
    }
    let permitted = account.permitted_notification(&request.resource, &owner, &notification);
    let answer = shared.upstream.forward(&with_body(request, permitted.clone())).await?;
    if let (true, Some(bucket)) = (answer.status().is_success(), account.buckets.get_mut(&request.resource)) {
        let replaced = bucket.notification.replace(notification);
        bucket.previous = Some(replaced.map_or_else(|| EMPTY.to_owned(), |replaced| replaced.raw));
        bucket.delivered = Some(permitted);
    }
    Ok(answer)
}

/// Every function in the document, new or old, exists and lets S3 invoke it for this bucket.
async fn check_functions(
    shared: &Shared,
    account: &Account,
    request: &Request,
    owner: &str,
    notification: &Notification,
) -> Result<(), Refusal> {
    let source = format!("arn:aws:s3:::{}", request.resource);
    let mut broken = Vec::new();
    for entry in notification.entries.iter().filter(|entry| entry.destination == Destination::Function) {
        let function = FunctionRef::from_arn(&entry.arn);
        let permitted = function
            .as_ref()
            .is_some_and(|function| account.lets_in(function, "s3.amazonaws.com", &source, owner));
        let exists = match &function {
            Some(function) => {
                shared.upstream.function(&function.account, function).await?.status().is_success()
            }
            None => false,
        };
        broken.extend(why_broken(&entry.arn, exists, permitted));
    }
    check_destinations(broken)
}
