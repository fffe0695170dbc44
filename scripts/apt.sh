# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # the variables are set by those that source this
# Sourced after common.sh by the scripts that fetch a package with apt. Needs $tmp
# (make_tmp) and $no_package, what to do when there is no such package.

apt=$build/apt

# write_sources TYPE: the suites that may have it, on the mirror that apt uses, in a
# file of their own, for packages of TYPE deb or deb-src. An unknown suite does no harm.
write_sources()
{
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	# shellcheck disable=SC2016 # for apt
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
	sort -u | while read -r uri release; do
		case $release in
		*-security)
			suites="$release trixie-security" ;;
		bookworm|trixie|forky|stable|oldstable|testing|unstable|sid)
			suites="$release trixie trixie-backports sid experimental" ;;
		*)
			continue ;;
		esac
		# shellcheck disable=SC2086 # words
		printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n' "$1" "$uri" \
			"$(printf '%s\n' $suites | sort -u | tr '\n' ' ')"
		[ ! -f $key ] || say "Signed-By: $key"
		say
	done >"$tmp/debian.sources"
	[ -s "$tmp/debian.sources" ] || die "apt has no Debian mirror configured: $no_package"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
}

# apt with our own sources, lists and cache: the system's are left alone, and
# no privileges are needed. As root, do not ask for a user _apt to read build/.
our_apt()
{
	our_apt_command=$1; shift
	"$our_apt_command" -q -o Dir::Etc::SourceList="$tmp/debian.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# The versions that `apt-cache madison' names, the newest last.
versions() { sed -n 's/^[^|]*| *\([^ |]*\) *|.*/\1/p' | sort -V; }
