//! The fields of the shared cache, which stands in `config.yml` beside the flavours.

use miette::SourceSpan;

use crate::config::build::Cache;
use crate::config::mistake::CacheMistake;
use crate::config::names::{CacheMode, CacheUrl, Kind};
use crate::config::names::{cache_mode, cache_url, endpoint, region};
use crate::config::reader::{At, Fields};

const REGISTRY: &str = "a registry, `oci://`";
const OBJECT_STORE: &str = "an object store, `s3://`";

/// Reads the setting: a URL, or a map of fields.
pub(super) fn cache(fields: &mut Fields) -> Option<Cache> {
    let (text, section) = fields.text_or_section("cache", section)?;
    match text {
        Some(url) => {
            let url = fields.checked(&url, Kind::Cache, cache_url)?;
            Some(Cache::at(url.value))
        }
        None => section?,
    }
}

fn section(fields: &mut Fields, at: SourceSpan) -> Option<Cache> {
    let given = fields.given("url");
    let url = fields.name("url", Kind::Cache, cache_url);
    let mode = fields.name("mode", Kind::CacheMode, cache_mode);
    let region = fields.name("region", Kind::Region, region);
    let endpoint = fields.name("endpoint", Kind::Endpoint, endpoint);
    let insecure = fields.flag("insecure");
    if !given {
        fields.mistake(at, CacheMistake::NoUrl.into());
    }
    let url = url?.value;
    let (about, cache, foreign): (_, _, Vec<_>) = match url {
        CacheUrl::Oci { .. } => {
            let foreign = fields.present(&["region", "endpoint"]);
            (OBJECT_STORE, REGISTRY, foreign)
        }
        CacheUrl::S3 { .. } => (REGISTRY, OBJECT_STORE, fields.present(&["insecure"])),
    };
    for field in foreign {
        let mistake = CacheMistake::OtherKind {
            field: field.value,
            about,
            cache,
        };
        fields.mistake(field.at, mistake.into());
    }
    let value = |text: Option<At<String>>| text.map(|text| text.value);
    Some(Cache {
        url,
        mode: mode.map_or(CacheMode::default(), |mode| mode.value),
        region: value(region),
        endpoint: value(endpoint),
        insecure: insecure.map(|insecure| insecure.value),
    })
}
