//! S3: bucket owners, Regions and notification configurations.

use hyper::body::Bytes;
use sha2::{Digest, Sha256};

use super::{
    arn::FunctionRef,
    bucket_check::{access_denied, check_destination_region, check_destinations, other_region, why_broken},
    call::Request,
    notification::{Destination, EMPTY, Notification},
    notification_rules::check,
    state::{Account, BucketState, Shared},
    upstream::with_body,
    wire::{Answer, Refusal, request_id, xml_answer},
};

/// The namespace of S3's documents.
const XMLNS: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Answers a request to S3. Buckets are addressed by path.
pub(super) async fn handle(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let forward = || shared.upstream.forward(request);
    let account = shared.account(&request.account);
    let mut account = account.lock().await;
    if request.operation == "ListBuckets" {
        let answer = forward().await?;
        return Ok(if answer.status().is_success() { without_others(&account, answer) } else { answer });
    }
    if request.resource.is_empty() {
        drop(account);
        return Ok(forward().await?);
    }
    if request.operation == "CreateBucket" {
        let answer = forward().await?;
        if answer.status().is_success() {
            adopt(shared, &mut account, request).await?;
        }
        return Ok(answer);
    }
    if !account.buckets.contains_key(&request.resource) && !adopt(shared, &mut account, request).await? {
        // The emulator would answer `NoSuchBucket` instead.
        let held = shared.with_held_buckets(|held| held.contains(&request.resource));
        return if held { Err(access_denied()) } else { Ok(forward().await?) };
    }
    let Some(bucket) = account.buckets.get(&request.resource) else {
        return Ok(forward().await?);
    };
    if bucket.closed {
        return Err(access_denied());
    }
    check_owner(bucket, request)?;
    check_region(bucket, request)?;
    let emulated = addressed(request, &bucket.emulated);
    let forward = || shared.upstream.forward(&emulated);
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
            // Objects may be large, so requests for objects do not hold the lock.
            drop(account);
            Ok(forward().await?)
        }
    }
}

/// Answers a read of a notification configuration with the previous document.
pub(super) async fn stale_read(shared: &Shared, request: &Request) -> Answer {
    let account = shared.account(&request.account);
    let account = account.lock().await;
    let previous = account.buckets.get(&request.resource).and_then(|bucket| bucket.previous.clone());
    xml_answer(previous.unwrap_or_else(|| EMPTY.to_owned()))
}

/// The notification configuration that a read would return now.
pub(super) async fn current(shared: &Shared, account: &str, bucket: &str) -> String {
    let account = shared.account(account);
    let account = account.lock().await;
    let notification = account.buckets.get(bucket).and_then(|bucket| bucket.notification.as_ref());
    notification.map_or_else(|| EMPTY.to_owned(), |notification| notification.raw.clone())
}

/// Registers a bucket that the emulator has. Returns false if the emulator has no bucket of the name.
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
    let bucket = BucketState {
        owner: request.account.clone(),
        region: region.to_owned(),
        emulated: request.resource.clone(),
        closed: false,
        notification: None,
        previous: None,
        delivered: None,
    };
    account.buckets.entry(request.resource.clone()).or_insert(bucket);
    shared.with_held_buckets(|held| held.insert(request.resource.clone()));
    Ok(true)
}

/// Removes buckets that now belong to another account from a list of buckets.
fn without_others(account: &Account, answer: Answer) -> Answer {
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    let Ok(document) = roxmltree::Document::parse(&text) else { return answer };
    let is_others = |name: &str| account.buckets.get(name).is_some_and(|bucket| bucket.owner != account.id);
    let mut kept = String::new();
    let mut end = 0;
    for bucket in document.descendants().filter(|node| node.has_tag_name((XMLNS, "Bucket"))) {
        let name =
            bucket.children().find(|node| node.has_tag_name((XMLNS, "Name"))).and_then(|name| name.text());
        if name.is_some_and(is_others) {
            kept.push_str(&text[end..bucket.range().start]);
            end = bucket.range().end;
        }
    }
    kept.push_str(&text[end..]);
    xml_answer(kept)
}

/// The request with the bucket's name in the emulator.
fn addressed(request: &Request, emulated: &str) -> Request {
    let mut changed = request.clone();
    let rest = request.path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    let slash = if rest.is_empty() { "" } else { "/" };
    changed.path = format!("/{emulated}{slash}{rest}");
    changed
}

/// Creates a bucket of us-east-1 with a name from before March 2018. The emulator refuses such names, so the bucket has
/// a different name there.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub(super) async fn create_legacy(shared: &Shared, account: &str, name: &str) -> bool {
    let hash: String = Sha256::digest(name).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let emulated = format!("legacy-{hash}");
    let scope = (account, "us-east-1", "s3");
    let created =
        shared.upstream.own(scope, hyper::Method::PUT, &format!("/{emulated}"), &[], Bytes::new()).await;
    let is_created = created.is_ok_and(|answer| answer.status().is_success());
    let bucket = BucketState {
        owner: account.to_owned(),
        region: "us-east-1".to_owned(),
        emulated,
        closed: false,
        notification: None,
        previous: None,
        delivered: None,
    };
    shared.account(account).lock().await.buckets.insert(name.to_owned(), bucket);
    shared.with_held_buckets(|held| held.insert(name.to_owned()));
    is_created
}

/// Replaces the bucket by a new bucket of `owner`, closed to all other accounts. Returns false if the account has no
/// bucket of the name.
pub(super) async fn take_name(shared: &Shared, account: &str, name: &str, owner: &str) -> bool {
    let account = shared.account(account);
    let mut account = account.lock().await;
    let Some(bucket) = account.buckets.get_mut(name) else { return false };
    owner.clone_into(&mut bucket.owner);
    bucket.closed = true;
    bucket.previous = None;
    bucket.delivered = None;
    bucket.notification = Notification::parse(EMPTY.as_bytes(), |_| request_id()).ok();
    account.follow_policies(&shared.upstream).await.is_ok()
}

fn check_owner(bucket: &BucketState, request: &Request) -> Result<(), Refusal> {
    let expected = request.header("x-amz-expected-bucket-owner");
    let matches = expected.is_none_or(|expected| expected == bucket.owner);
    matches.then_some(()).ok_or_else(access_denied)
}

/// A bucket answers only at the endpoint of its own Region. us-east-1 also answers `GetBucketLocation`.
fn check_region(bucket: &BucketState, request: &Request) -> Result<(), Refusal> {
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
    let emulated = addressed(request, &bucket.emulated);
    let permitted = account.permitted_notification(&request.resource, &owner, &notification);
    let answer = shared.upstream.forward(&with_body(&emulated, permitted.clone())).await?;
    if let (true, Some(bucket)) = (answer.status().is_success(), account.buckets.get_mut(&request.resource)) {
        let replaced = bucket.notification.replace(notification);
        bucket.previous = Some(replaced.map_or_else(|| EMPTY.to_owned(), |replaced| replaced.raw));
        bucket.delivered = Some(permitted);
    }
    Ok(answer)
}

/// Checks that every function in the document exists and permits S3 to invoke it for this bucket.
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
        let permitted = match &function {
            Some(function) if function.account == account.id => {
                account.permits_invoke(function, "s3.amazonaws.com", &source, owner)
            }
            Some(function) => {
                let elsewhere = shared.account(&function.account);
                let elsewhere = elsewhere.lock().await;
                elsewhere.permits_invoke(function, "s3.amazonaws.com", &source, owner)
            }
            None => false,
        };
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
