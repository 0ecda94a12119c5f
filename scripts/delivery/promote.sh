#!/bin/sh
# promote.sh VERSION ENVIRONMENT [forward|back]: moves the branch deployed/ENVIRONMENT, which Argo CD follows, to the commit of a
# published release. Production gets what staging has, and nothing else. Forward alone, unless `back` is said: a release of before
# needs no staging. Asks GitHub by `gh` (GH_TOKEN, GITHUB_REPOSITORY).
set -eu
version=$1 environment=$2 direction=${3:-forward}
say() { echo "promote: $*"; }
refuse() { say "$*" >&2; exit 1; }

case "$version" in v[0-9]*.[0-9]*.[0-9]*) ;; *) refuse "$version is no version: v1.2.3 for one" ;; esac
case "$environment" in staging | production) ;; *) refuse "$environment is neither staging nor production" ;; esac
case "$direction" in forward | back) ;; *) refuse "$direction is neither forward nor back" ;; esac

refs="repos/$GITHUB_REPOSITORY/git"
at() { gh api "$refs/ref/heads/deployed/$1" --jq .object.sha 2>/dev/null || true; } # empty where there is no such branch

draft=$(gh api "repos/$GITHUB_REPOSITORY/releases/tags/$version" --jq .draft) || refuse "$version has no published release"
[ "$draft" = false ] || refuse "the release of $version is a draft: publish it first"
commit=$(gh api "repos/$GITHUB_REPOSITORY/commits/$version" --jq .sha)
before=$(at "$environment")
if [ "$before" = "$commit" ]; then
    say "$environment has $version already"
    exit 0
fi
if [ "$environment" = production ] && [ "$direction" = forward ]; then
    [ "$(at staging)" = "$commit" ] || refuse "staging has another commit than $version: put that there first, or promote what staging has"
fi

if [ -z "$before" ]; then
    gh api --method POST "$refs/refs" -f "ref=refs/heads/deployed/$environment" -f "sha=$commit" >/dev/null
else
    force=false
    [ "$direction" = forward ] || force=true
    gh api --method PATCH "$refs/refs/heads/deployed/$environment" -f "sha=$commit" -F "force=$force" >/dev/null ||
        refuse "$environment is not behind $version (it has $before): say back where that is meant"
fi
say "$environment goes to $version ($commit); before it had ${before:-nothing}"
