#!/bin/sh
# verify.sh RUN [KEYID [VKEY [ROOTS]]]: check one sealed run without preserve, with openssl, sha256sum and POSIX tools.
#
#   RUN    the folder of a run (it holds SEAL and manifest.json)
#   KEYID  the signer's key id, 64 hex digits, known from elsewhere than RUN: without it nobody's identity is established
#   VKEY   the log's key line (origin+hash+key), known from elsewhere: with it the signature of the log's checkpoint is checked
#   ROOTS  a folder with NAME.pem for each time-stamp authority, its root certificate, known from elsewhere (VKEY may be empty)
#
# Exit: 0 nothing altered, signed by KEYID, every named time-stamp checked; 40 altered, missing or forged; 41 unaltered, but not known
#       to be signed by KEYID, or a time-stamp is missing, late, or its root was not given; 2 called wrongly, or a tool is missing.
#
# It reads every file once or twice, writes only below a temporary folder, and shares nothing with preserve but the formats that
# are described in docs/formats. What it does not do: read inside the gzip members, follow the log beyond this run, check ML-DSA.

set -u
LC_ALL=C
export LC_ALL

say() { printf '%s\n' "$*"; }
fail() { say "FAIL  $*"; bad=1; }
ok() { say "ok    $*"; }
usage() { sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }

[ $# -ge 1 ] && [ $# -le 4 ] && [ -d "$1" ] || usage
for tool in openssl sha256sum awk sed find sort comm od; do
  command -v "$tool" >/dev/null || { say "missing tool: $tool" >&2; exit 2; }
done
keyid=$(printf '%s' "${2:-}" | tr -d -- '-' | tr 'A-F' 'a-f')
vkey=${3:-}
roots=${4:-}
[ -z "$roots" ] || roots=$(cd "$roots" && pwd) || usage
bad=0
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM
cd "$1" || exit 2

# ---------------------------------------------------------------------------------------------------- 1. what lies in the folder

find . ! -type d ! -type f | sed -n l >"$tmp/odd"
[ -s "$tmp/odd" ] && fail "neither file nor folder: $(head -n 3 "$tmp/odd" | tr '\n' ' ')"
find . -type f -links +1 | sed -n l >"$tmp/linked"
[ -s "$tmp/linked" ] && fail "a hardlink, so it can be changed under another name: $(head -n 3 "$tmp/linked" | tr '\n' ' ')"
find . -type f | sed 's|^\./||' | sort >"$tmp/files"
find . -type d ! -name . | sed 's|^\./||' | sort >"$tmp/folders"
cat "$tmp/files" "$tmp/folders" | grep -Ev '^(SEAL|[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*){0,3})$' | sed -n l >"$tmp/unsafe"
[ -s "$tmp/unsafe" ] && fail "unsafe names: $(head -n 3 "$tmp/unsafe" | tr '\n' ' ')"
[ "$bad" = 0 ] || { say 'altered, missing or forged'; exit 40; }
for name in SEAL manifest.json log/seal.tlog-proof; do
  [ -f "$name" ] || fail "$name: missing"
done
[ "$bad" = 0 ] || { say 'altered, missing or forged'; exit 40; }

# ---------------------------------------------------------------------------------------------------------------------- 2. SEAL

line='^[0-9a-f]{64}  (manifest\.json|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig)$'
if grep -Evq "$line" SEAL || [ -n "$(tail -c 1 SEAL | tr -d '\n')" ]; then
  fail 'SEAL: a line is not as it should be'
else
  cut -c 67- SEAL >"$tmp/sealed"
  sort -u "$tmp/sealed" | cmp -s - "$tmp/sealed" || fail 'SEAL: not sorted, or a path stands twice'
  grep -E '^(manifest\.json$|keys/|signatures/)' "$tmp/files" | cmp -s - "$tmp/sealed" ||
    fail 'SEAL does not list exactly manifest.json, the keys and the signatures that are there'
  sha256sum -c --strict --quiet SEAL >"$tmp/out" 2>&1 && ok 'SEAL' || fail "SEAL: $(head -n 3 "$tmp/out" | tr '\n' ' ')"
fi

# ------------------------------------------------------------------------------------------------- 3. keys and signatures

# Points of small order on edwards25519, in every encoding: under such a key one signature fits every message.
weak='0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000080
0100000000000000000000000000000000000000000000000000000000000000
0100000000000000000000000000000000000000000000000000000000000080
26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05
26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85
c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a
c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa
ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'

hex() { od -An -v -tx1 | tr -d ' \n'; }
first_ed25519=302a300506032b6570032100

valid=
for pem in keys/*; do
  id=${pem#keys/}
  id=${id%.pem}
  sig=signatures/$id.sig
  if ! openssl pkey -pubin -in "$pem" -outform DER -out "$tmp/der" 2>/dev/null ||
    ! openssl pkey -pubin -inform DER -in "$tmp/der" -pubout 2>/dev/null | cmp -s - "$pem"; then
    if [ "$(awk "/\"keyid\": \"$id\"/ {getline; print}" manifest.json)" = '      "alg": "ml-dsa-65",' ]; then
      say "      $pem: ML-DSA, not checked here"
      continue
    fi
    fail "$pem: not a public key in its one spelling"
    continue
  fi
  [ "$(sha256sum <"$tmp/der" | cut -c -64)" = "$id" ] || { fail "$pem: another key under this key's name"; continue; }
  [ -f "$sig" ] || { fail "$sig: missing"; continue; }
  der=$(hex <"$tmp/der")
  case $der in
    "$first_ed25519"*)
      if printf '%s\n' "$weak" | grep -qx "${der#"$first_ed25519"}"; then
        fail "$pem: a weak key"
        continue
      fi
      openssl pkeyutl -verify -rawin -pubin -inkey "$pem" -sigfile "$sig" -in manifest.json >/dev/null 2>&1
      ;;
    3059301306072a8648ce3d020106082a8648ce3d030107*)
      # Openssl reads the first 72 bytes of a signature, and what it reads it holds to DER: so they have to be all.
      [ "$(wc -c <"$sig")" -le 72 ] && openssl dgst -sha256 -verify "$pem" -signature "$sig" manifest.json >/dev/null 2>&1
      ;;
    *) fail "$pem: unknown algorithm"; false ;;
  esac && { valid="$valid $id"; ok "signature by $id"; } || fail "$sig: not a signature over manifest.json by that key"
done
[ -n "$valid" ] || fail 'no valid signature: what the manifest says means nothing'
[ "$bad" = 0 ] || { say 'altered, missing or forged'; exit 40; }

# ------------------------------------------------------------------------------------------------------------- 4. the manifest

# A manifest has one spelling: a member a line, indented by its depth. So lines can be told apart without a JSON parser.
[ "$(sed -n 2p manifest.json)" = '  "type": "preserve-manifest/v1",' ] || fail 'manifest.json: another version'
grep -q '[^ -~]' manifest.json && fail 'manifest.json: not ASCII'
sed -n 's/^      "keyid": "\([0-9a-f]*\)",$/\1/p' manifest.json | sort >"$tmp/signers"
ls keys | sed 's/\.pem$//' | sort | cmp -s - "$tmp/signers" || fail 'the signers that the manifest names are not those that signed'
ls signatures | sed 's/\.sig$//' | sort | cmp -s - "$tmp/signers" || fail 'the signers that the manifest names are not those that signed'
[ "$bad" = 0 ] && ok 'signers'

awk '
  /^  "files": \[/ { on = 1 }
  /^  \],?$/       { on = 0 }
  on && /^      "path": /   { split($0, q, "\""); path = q[4] }
  on && /^      "bytes": /  { size = $2 + 0 }
  on && /^      "sha256": / { split($0, q, "\""); hash = q[4] }
  on && /^      "role": /   { split($0, q, "\""); role = q[4] }
  on && /^        "file": / { split($0, q, "\""); index_of = q[4] }
  on && /^        "count": / { count = $2 + 0 }
  on && /^    },?$/ { print hash "\t" size "\t" role "\t" path "\t" index_of "\t" count; index_of = ""; count = 0 }
' manifest.json >"$tmp/listed"
awk -F '\t' '{ print $1 "  " $4 }' "$tmp/listed" >"$tmp/sums"
cut -f 4 "$tmp/listed" | grep -Evq '^data/[a-z0-9]' && fail 'manifest.json: a path outside data/'
[ "$bad" = 0 ] || { say 'altered, missing or forged'; exit 40; }

# --------------------------------------------------------------------------------------------------- 5. files, none more, none less

if sha256sum -c --strict --quiet "$tmp/sums" >"$tmp/out" 2>/dev/null; then
  ok "$(awk 'END { print NR }' "$tmp/sums") files under data/"
else
  while IFS= read -r said; do fail "$said"; done <"$tmp/out"
fi
# AUTHORITY TAB SHA256 of the start tokens, AUTHORITY alone of the tokens over SEAL that the manifest names.
awk -F '"' '/^  "timestamps": \[/ { on = 1 } /^  \],?$/ { on = 0 } on && /^      "authority": "/ { print $4 }' manifest.json >"$tmp/ends"
awk -F '"' '/^  "start_tokens": \[/ { on = 1 } /^  \],?$/ { on = 0 }
  on && /^      "authority": "/ { who = $4 } on && /^      "sha256": "/ { print who "\t" $4 }' manifest.json >"$tmp/starts"
cat "$tmp/ends" "$tmp/starts" | grep -Evq '^[a-z0-9][a-z0-9._-]*(	[0-9a-f]{64})?$' && fail 'manifest.json: not the name of an authority'
{
  cut -f 4 "$tmp/listed"
  printf '%s\n' SEAL manifest.json log/seal.tlog-proof
  sed 's|\(.*\)|keys/\1.pem\nsignatures/\1.sig|' "$tmp/signers"
  sed 's|.*|timestamps/&.tsr|' "$tmp/ends"
  cut -f 1 "$tmp/starts" | sed 's|.*|timestamps/start-&.tsr|'
  grep -E '^timestamps/[a-z0-9][a-z0-9._-]*\.tsr$' "$tmp/files" | grep -v '^timestamps/start-' # added later: looked at in 9
} | sort -u >"$tmp/expected"
comm -23 "$tmp/files" "$tmp/expected" >"$tmp/extra"
while IFS= read -r name; do fail "$name: unlisted file"; done <"$tmp/extra"
awk -F / '{ path = ""; for (i = 1; i < NF; i++) { path = path (i > 1 ? "/" : "") $i; print path } }' "$tmp/expected" | sort -u >"$tmp/known"
comm -23 "$tmp/folders" "$tmp/known" >"$tmp/extra"
while IFS= read -r name; do fail "$name: unlisted folder"; done <"$tmp/extra"

# -------------------------------------------------------------------------------------------------------------------- 6. records

tab=$(printf '\t')
while IFS=$tab read -r hash size role path index count; do
  [ "$role" = warc ] && [ -f "$path" ] && [ -f "$index" ] || continue
  awk -v size="$size" -v count="$count" '
    NF != 5 || $1 != "preserve-record/v1" || $2 != NR - 1 || $3 != end || $4 < 1 { print "line " NR; exit }
    { end += $4 }
    END { if (end != size || NR != count) print "its end" }
  ' "$index" >"$tmp/out"
  if [ -s "$tmp/out" ]; then
    fail "$index: does not tile the WARC at $(head -n 1 "$tmp/out")"
  elif [ "$(sha256sum <"$path" | cut -c -64)" = "$hash" ]; then
    ok "$path: $count records"
  else
    # Which records? One sha256sum each: slow, and done only for a file that is known to be damaged.
    while read -r _ number offset length stored; do
      [ "$(tail -c +"$((offset + 1))" "$path" | head -c "$length" | sha256sum | cut -c -64)" = "$stored" ] ||
        fail "$path: record $number at offset $offset"
    done <"$index"
  fi
done <"$tmp/listed"

# ------------------------------------------------------------------------------------------------- 7. every citation answered

awk '{ while (match($0, /,"citation":[0-9]+,"document_sha256":"/)) { split(substr($0, RSTART, RLENGTH), q, /[:,]/); print q[3]
       $0 = substr($0, RSTART + RLENGTH) } }' data/captures.jsonl 2>/dev/null | sort -u >"$tmp/answered"
awk '/,"not_captured":null/ { match($0, /,"citation":[0-9]+,"date":/); split(substr($0, RSTART, RLENGTH), q, /[:,]/); print q[3] }' \
  data/citations.jsonl 2>/dev/null | sort -u >"$tmp/asked"
comm -23 "$tmp/asked" "$tmp/answered" >"$tmp/open"
[ -s "$tmp/open" ] && fail "citations neither captured nor explained: $(head -n 5 "$tmp/open" | tr '\n' ' ')"

# ---------------------------------------------------------------------------------------------------------------- 8. the log's proof

# bytes HEX: the bytes themselves, by octal escapes, which every printf knows.
bytes() {
  printf "$(printf '%s' "$1" | awk '{
    for (i = 1; i < length($0); i += 2)
      printf "\\%03o", (index("0123456789abcdef", substr($0, i, 1)) - 1) * 16 + index("0123456789abcdef", substr($0, i + 1, 1)) - 1 }')"
}
node() { bytes "01$1$2" | sha256sum | cut -c -64; }
unbase64() { printf '%s' "$1" | openssl base64 -d -A | hex; }

proof=log/seal.tlog-proof
start=$(grep -n '^$' "$proof" | head -n 1 | cut -d : -f 1)
[ "$(sed -n 1p "$proof")" = 'c2sp.org/tlog-proof@v1' ] && [ -n "$start" ] || { fail "$proof: not a proof"; start=2; }
place=$(sed -n '2s/^index \([0-9]*\)$/\1/p' "$proof")
origin=$(sed -n "$((start + 1))p" "$proof")
size=$(sed -n "$((start + 2))p" "$proof" | grep -Ex '[0-9]{1,15}')
root=$(unbase64 "$(sed -n "$((start + 3))p" "$proof")")
before=$(sed -n 's/^    "size_before": \([0-9]*\),$/\1/p' manifest.json)
[ "$origin" = "$(sed -n 's/^    "origin": "\(.*\)",$/\1/p' manifest.json)" ] || fail "$proof: of another log"
[ "${place:-x}" = "$before" ] || fail "$proof: not for the entry that the manifest says"
# RFC 9162, section 2.1.3.2.
result=$({ printf '\000'; cat SEAL; } | sha256sum | cut -c -64)
number=${place:-0}
last=$((${size:-0} - 1))
[ "$number" -le "$last" ] || fail "$proof: the log is too small"
head -n $((start - 1)) "$proof" | tail -n +3 >"$tmp/path"
while IFS= read -r step; do
  step=$(unbase64 "$step")
  [ "${#step}" = 64 ] && [ "$last" != 0 ] || { result=; break; }
  if [ $((number % 2)) = 1 ] || [ "$number" = "$last" ]; then
    result=$(node "$step" "$result")
    while [ "$number" != 0 ] && [ $((number % 2)) = 0 ]; do number=$((number / 2)) last=$((last / 2)); done
  else
    result=$(node "$result" "$step")
  fi
  number=$((number / 2)) last=$((last / 2))
done <"$tmp/path"
if [ "$last" = 0 ] && [ "$result" = "$root" ]; then ok "entry $place of the log $origin"; else fail "$proof: SEAL is not that entry"; fi

if [ -n "$vkey" ]; then
  key=${vkey#*+}
  key=$(unbase64 "${key#*+}")
  sed -n "$((start + 1)),$((start + 3))p" "$proof" >"$tmp/text"
  signed=
  sed -n "$((start + 5)),\$p" "$proof" >"$tmp/lines"
  while read -r _ who code; do
    [ "$who" = "$origin" ] && [ "$who" = "${vkey%%+*}" ] || continue
    raw=$(unbase64 "$code")
    bytes "$first_ed25519${key#01}" >"$tmp/logkey"
    bytes "$(printf '%s' "$raw" | cut -c 9-)" >"$tmp/logsig"
    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$tmp/logkey" -sigfile "$tmp/logsig" -in "$tmp/text" >/dev/null 2>&1 && signed=1
  done <"$tmp/lines"
  if [ -n "$signed" ]; then ok "checkpoint signed by the log's key"; else fail "$proof: the checkpoint is not signed by that key"; fi
fi

# ------------------------------------------------------------------------------------------------------------- 9. time-stamps

# epoch FORMAT: seconds since 1970 of "Nov 22 00:11:02.46 2026 GMT" or "2026-11-22T00:11:02.465Z" on standard input.
epoch() {
  awk '{
    if (split($0, q, /[-T:.Z]/) >= 6 && q[1] ~ /^[0-9]+$/) { y = q[1]; m = q[2]; d = q[3]; h = q[4]; i = q[5]; s = q[6] }
    else { y = $4; m = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3; d = $2; split($3, q, /[:.]/); h = q[1]; i = q[2]; s = q[3] }
    if (m < 3) { y--; m += 12 }
    print (365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 1 - 719468) * 86400 + h * 3600 + i * 60 + s
  }'
}

# token FILE DATA NAME: whether FILE is a token over DATA; sets `when`, the seconds `within` which the authority vouches for its clock,
# `said` for a person, and `known` when it is one under NAME's root, else `why` not.
token() {
  known=
  why="the root of $3 was not given"
  openssl ts -reply -in "$1" -text >"$tmp/text" 2>/dev/null && grep -q '^Status: Granted\.$' "$tmp/text" || { fail "$1: not a token"; return 1; }
  when=$(sed -n 's/^Time stamp: //p' "$tmp/text" | epoch)
  hash=$(sed -n 's/^Hash Algorithm: //p' "$tmp/text")
  case $hash in sha256 | sha384 | sha512) ;; *) fail "$1: a token over a hash that does not count: $hash"; return 1 ;; esac
  imprint=$(awk '/^Message data:/ { on = 1; next } /^Serial number:/ { on = 0 } on { print substr($0, 12, 48) }' "$tmp/text" | tr -cd '0-9a-f')
  [ "$imprint" = "$(openssl dgst "-$hash" -r "$2" | cut -d ' ' -f 1)" ] || { fail "$1: a token over other bytes"; return 1; }
  # "0x01 seconds, 0x01F4 millis, unspecified micros", or "unspecified": no more than the digits of a day are reckoned with, and rounded up.
  within=$(sed -n 's/^Accuracy: \(.*\)/\1 unspecified seconds/p' "$tmp/text" | sed 's/ seconds.*//; s/^0x0*//; s/^unspecified.*/0/; s/^$/0/')
  case $within in ??????* | *[!0-9A-F]*) within=FFFFF ;; esac
  within=$((0x${within:-0}))
  grep -Eq '^Accuracy: .*0x[0-9A-F]+ mi' "$tmp/text" && within=$((within + 1))
  said=$(sed -n 's/^Time stamp: //p' "$tmp/text")
  [ "$within" = 0 ] || said="$said, give or take $within s"
  [ -n "$roots" ] && [ -f "$roots/$3.pem" ] || return 0
  # -attime: the certificates as they were when the token was made; they need not last as long as the proof.
  openssl ts -verify -data "$2" -in "$1" -CAfile "$roots/$3.pem" -attime "$when" >/dev/null 2>&1 ||
    { fail "$1: no token of $3"; return 1; }
  [ "$within" -le 86400 ] || { why="$3 is sure of the time to more than a day: that proves none"; return 0; }
  known=1
}

doubt=
stamped=
created=$(sed -n 's/^  "created": "\(.*\)",$/\1/p' manifest.json | epoch)
doubted() { say "?     $*"; doubt=1; }
while IFS= read -r name; do
  file=timestamps/$name.tsr
  [ -f "$file" ] || { doubted "$file: missing"; continue; }
  token "$file" SEAL "$name" || continue
  if [ -z "$known" ]; then doubted "$file: $why"
  elif [ $((when + within)) -lt $((created - 300)) ]; then fail "$file: stamped before it was made"
  elif [ $((when + within)) -gt $((created + 86400)) ]; then doubted "$file: stamped more than a day after the time that the manifest claims"
  else stamped="$stamped $name"; ok "$file: existed by $said"
  fi
done <"$tmp/ends"
printf 'preserve-run/v1 %s %s\n' "$(sed -n 's/^  "run_id": "\(.*\)",$/\1/p' manifest.json)" \
  "$(sed -n 's/^  "nonce": "\(.*\)",$/\1/p' manifest.json)" >"$tmp/begun"
while IFS=$tab read -r name hash; do
  file=timestamps/start-$name.tsr
  [ -f "$file" ] || { doubted "$file: missing"; continue; }
  [ "$(sha256sum <"$file" | cut -c -64)" = "$hash" ] || { fail "$file: not the token that the manifest names"; continue; }
  token "$file" "$tmp/begun" "$name" || continue
  if [ -z "$known" ]; then doubted "$file: $why"
  elif [ $((when - within)) -gt $((created + 300)) ]; then fail "$file: taken after the run that begins with it"
  else ok "$file: sealed after $said"
  fi
done <"$tmp/starts"
grep '^timestamps/' "$tmp/files" | grep -v '^timestamps/start-' | sed 's|^timestamps/\(.*\)\.tsr$|\1|' | sort >"$tmp/there"
sort "$tmp/ends" | comm -23 "$tmp/there" - >"$tmp/added"
while IFS= read -r name; do
  [ -f "timestamps/$name.tsr" ] && token "timestamps/$name.tsr" SEAL "$name" || continue
  if [ -z "$known" ]; then say "      timestamps/$name.tsr: added later, not checked: $why"
  elif [ $((when + within)) -lt $((created - 300)) ]; then fail "timestamps/$name.tsr: stamped before it was made"
  else ok "timestamps/$name.tsr: added later: existed by $said"
  fi
done <"$tmp/added"

# ------------------------------------------------------------------------------------------------------------------ the answer

[ "$bad" = 0 ] || { say 'altered, missing or forged'; exit 40; }
created=$(sed -n 's/^  "created": "\(.*\)",$/\1/p' manifest.json)
if [ -n "$stamped" ] && [ -z "$doubt" ]; then say "time  $created, borne out by$stamped"; else say "time  self-asserted: $created"; fi
if [ -n "$doubt" ]; then
  say 'unaltered, but not every time-stamp that the manifest names bears it out'
  exit 41
fi
for id in $valid; do
  [ "$id" = "$keyid" ] && { say "unaltered, signed by $id"; exit 0; }
done
say "unaltered, but not known to be signed by anybody you know: ${keyid:-no key id was given}"
exit 41
