use super::*;

#[track_caller]
fn check(version: &str, debian: &str, rpm: &str) {
    assert_eq!(super::debian(version).unwrap().to_string(), debian);
    assert_eq!(super::rpm(version).unwrap().to_string(), rpm);
}

#[test]
fn every_part_has_its_form() {
    check("1.2.0", "1.2.0", "1.2.0");
    check("1.0", "1.0", "1.0");
    check("2!1.0", "2:1.0", "2:1.0");
    check("0!1.0", "1.0", "1.0");
    check("1.0a1", "1.0~a1", "1.0~a1");
    check("1.0b2", "1.0~b2", "1.0~b2");
    check("1.0rc1", "1.0~rc1", "1.0~rc1");
    check("1.0.post1", "1.0+post1", "1.0^post1");
    check("1.0.dev3", "1.0~~dev3", "1.0~~dev3");
    check("1.0a1.dev2", "1.0~a1~~dev2", "1.0~a1~~dev2");
    check("1.0.post1.dev2", "1.0+post1~~dev2", "1.0^post1~~dev2");
    check("1.0+local.1", "1.0+~~local.1", "1.0^~local.1");
    check("1.0+1.local", "1.0+~1.~local", "1.0^~1.local");
    check(
        "3!1.0rc1.post2.dev4+abc.5",
        "3:1.0~rc1+post2~~dev4+~~abc.5",
        "3:1.0~rc1^post2~~dev4^~abc.5",
    );
}

#[test]
fn all_but_the_length_of_the_release_is_normalised() {
    check("v1.00.0-RC_1", "1.0.0~rc1", "1.0.0~rc1");
    check("1.0-1", "1.0+post1", "1.0^post1");
    check("1.0.ALPHA", "1.0~a0", "1.0~a0");
    check("1.0+Ubuntu-01", "1.0+~~ubuntu.1", "1.0^~ubuntu.1");
    check("2024.01.02", "2024.1.2", "2024.1.2");
}

#[test]
fn what_is_no_version_is_refused() {
    let error = debian("1.0-final-2").unwrap_err();
    assert!(matches!(error, VersionError::Pep440 { .. }), "{error:?}");
    let error = rpm("2147483648!1").unwrap_err();
    assert!(matches!(error, VersionError::Epoch { .. }), "{error:?}");
    assert_eq!(debian("2147483647!1").unwrap().epoch, Some(2_147_483_647));
}

#[test]
fn an_old_rpm_gets_no_caret_and_a_warning() {
    let (plain, warning) = rpm_before_caret("1.0rc1.dev2").unwrap();
    assert_eq!((plain.upstream.as_str(), warning), ("1.0~rc1~~dev2", None));
    let (post, warning) = rpm_before_caret("1.0.post1+x").unwrap();
    assert_eq!(post.upstream, "1.0.post1+x");
    assert!(warning.is_some());
}

#[test]
fn a_full_version_ends_in_revision_and_suffix() {
    assert_eq!(
        debian_full("1.2.0", 1, Some("deb12")).unwrap(),
        "1.2.0-1~deb12"
    );
    assert_eq!(debian_full("1!1.2.0", 3, None).unwrap(), "1:1.2.0-3");
    assert_eq!(rpm_release(1, Some("el9")).unwrap(), "1.el9");
    assert_eq!(rpm_release(1, Some("deb12")).unwrap(), "1.deb12");
    assert_eq!(rpm_release(2, None).unwrap(), "2");
    assert_eq!(debian_full("1.0", 0, None), Err(VersionError::Revision));
    for bad in ["", "deb-12", "deb 12", "x:y", "deb_12"] {
        let suffix = VersionError::Suffix { suffix: bad.into() };
        assert_eq!(debian_full("1.0", 1, Some(bad)), Err(suffix.clone()));
        assert_eq!(rpm_release(1, Some(bad)), Err(suffix));
    }
}

#[test]
fn a_version_sorts_below_by_pep_440() {
    assert!(sorts_below("1.0rc1", "1.0").unwrap());
    assert!(sorts_below("9.0", "1!0.1").unwrap());
    assert!(!sorts_below("1.0.0", "1.0").unwrap());
    assert!(!sorts_below("1.10", "1.9").unwrap());
    assert!(respelled("1.0.0", "1.0").unwrap());
    assert!(!respelled("1.1", "1.0").unwrap());
}

#[test]
fn a_tag_is_legal_and_tells_versions_apart() {
    assert_eq!(docker_tag("1!2.0+cu.118").unwrap(), "1_2.0_cu.118");
    let long = |end: &str| docker_tag(&format!("1.0+{}{end}", "a".repeat(200))).unwrap();
    assert_eq!(long("b").len(), 128);
    assert_ne!(long("b"), long("c"));
}
