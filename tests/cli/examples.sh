# The examples of every manual page run, one after the other, in a folder that has stories.txt, and
# mandoc shows them as they were run: mdoc takes quotes and ends of sentences in .Dl for its own.
. tests/lib.sh
[ -e "$ROOT/pipelines/data/stories.txt" ] || skip_all "no pipelines/data/stories.txt"

# Lines in .Dl and in literal displays below EXAMPLES, without mdoc's escapes.
examples() {
	awk '
	/^\.Sh/ { inside = /EXAMPLES/ }
	!inside { next }
	/^\.Dl / { print substr($0, 5); next }
	/^\.Bd .*-literal/ { literal = 1; next }
	/^\.Ed/ { literal = 0; next }
	literal' "$1" | sed 's/\\e/\\/g; s/\\&//g; s/\\-/-/g; s/\\(aq/'"'"'/g; s/\\(dq/"/g'
}
# every line of EXAMPLES is a line of the page as it is shown
shown() { # PAGE EXAMPLES
	mandoc -Tascii -O width=400 "$1" | sed 's/.\x08//g; s/^ *//' >../page
	sed 's/^[[:space:]]*//' "$2" | grep -vFxf ../page
	[ $? = 1 ]
}

for page in "$ROOT"/man/*.1; do
	name=${page##*/}
	mkdir "$T/$name.d"
	cd "$T/$name.d" || exit 1
	head -c 12000 "$ROOT/pipelines/data/stories.txt" >stories.txt
	examples "$page" >../lines
	[ -s ../lines ] || { result 1 "$name has examples"; continue; }
	failed= joined=
	while IFS= read -r line; do
		case $line in *\\) joined+=${line%\\}; continue ;; esac
		line=$joined$line joined=
		bash -o pipefail -c "$line" </dev/null >../log 2>&1
		rc=$?
		# 141: a reader such as head closed its pipe
		[ $rc = 0 ] || [ $rc = 141 ] || { failed="$line: exit status $rc"; break; }
	done <../lines
	result $((${#failed} > 0)) "$name: examples run" || { echo "$failed"; cat ../log; } | note
	if command -v mandoc >/dev/null; then
		ok "$name: examples are shown as they are run" shown "$page" ../lines
	else
		skip "$name: examples are shown as they are run" "mandoc is not installed"
	fi
done
cd "$T" || exit 1
finish
