//! Every link between pages leads to an existing page and an existing heading.

use std::path::Path;

use super::{Page, pages, root};
use crate::chart::CHARTS;

/// The address of the repository's files. A packaged chart lacks the other files of the repository, so its README links
/// to this address.
const FILES: &str = "https://github.com/lambda-triggers/lambda-triggers/blob/main/";

/// The links of a page to files of the repository, outside of fenced blocks.
fn links(page: &Page) -> Vec<String> {
    let mut links = vec![];
    for line in prose(page) {
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            if !target.contains("://") || target.starts_with(FILES) {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// The lines of a page outside of fenced blocks.
fn prose(page: &Page) -> Vec<&str> {
    let mut fenced = false;
    let mut lines = vec![];
    for line in page.text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        if !fenced && !is_fence {
            lines.push(line);
        }
    }
    lines
}

/// The anchors of a page, built from the headings with GitHub's rules.
fn anchors(page: &Page) -> Vec<String> {
    let mut anchors: Vec<String> = vec![];
    for heading in prose(page).into_iter().filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

#[test]
fn every_link_has_a_target() {
    let mut broken = vec![];
    for page in pages() {
        let folder = Path::new(&page.path).parent().unwrap();
        for link in links(&page) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match (file, file.strip_prefix(FILES)) {
                (_, Some(path)) => path.to_owned(),
                ("", _) => page.path.clone(),
                _ => folder.join(file).display().to_string(),
            };
            let found = match (root().join(&target).exists(), anchor) {
                (exists, "") => exists,
                (false, _) => false,
                (true, anchor) => anchors(&Page::read(&target)).iter().any(|known| known == anchor),
            };
            if !found {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// A reader would not find a page without a link.
#[test]
fn every_page_is_linked_from_the_readme() {
    let linked = links(&Page::read("README.md"));
    let unlinked: Vec<String> = pages()
        .into_iter()
        .map(|page| page.path)
        .filter(|path| {
            path.starts_with("docs/") && !linked.iter().any(|link| link.split('#').next() == Some(path))
        })
        .collect();
    assert_eq!(unlinked, Vec::<String>::new());
}

/// The README of a packaged chart has no other files beside it.
#[test]
fn the_readme_of_a_chart_links_to_no_file_beside_it() {
    for chart in CHARTS {
        let links = links(&Page::read(&format!("{chart}/README.md")));
        let relative: Vec<&String> =
            links.iter().filter(|link| !link.starts_with(FILES) && !link.starts_with('#')).collect();
        assert_eq!(relative, Vec::<&String>::new());
    }
}
