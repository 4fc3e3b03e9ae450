# Each tool's --help and manual page list the same options in the same order with the same words
# (the page may say more), and the page passes mandoc's lint.
. tests/lib.sh
command -v mandoc >/dev/null || skip_all "mandoc is not installed"

# "head<TAB>text" lines
help_options() {
	"$1" --help | awk '
	/^examples:/ { exit }
	/^  (-., |    )--/ {
		line = substr($0, 3)
		sub(/^ +/, "", line)
		at = match(line, /  +/)
		head = at ? substr(line, 1, at - 1) : line
		text = at ? substr(line, at + RLENGTH) : ""
		if (!at) { getline text; sub(/^ +/, "", text) }
		print head "\t" text
	}'
}
man_options() {
	mandoc -Tascii -O width=400 "$1" | sed 's/.\x08//g' | awk '
	function flush() { if (head) print head "\t" text; head = "" }
	/^[A-Z]/ { flush(); inside = /^DESCRIPTION/; next }
	!inside { next }
	/^     -/ {
		flush()
		line = substr($0, 6)
		at = match(line, /  +/)
		head = at ? substr(line, 1, at - 1) : line
		text = at ? substr(line, at + RLENGTH) : ""
		if (split(head, words, " ") > 3) head = "" # a sentence that begins with an option
		next
	}
	head && /^             / { sub(/^ +/, ""); text = text (text ? " " : "") $0; next }
	/^ ? ? ? ? ?[^ ]/ { flush() }
	END { flush() }'
}
# every option of HELP is in PAGE in the same order, and the words begin alike
agree() { # HELP PAGE
	diff <(cut -f 1 "$1") <(cut -f 1 "$2") || return 1
	paste "$1" "$2" | awk -F '\t' 'index($4, $2) != 1 { print $1 ": help says: " $2 "\n  page says: " $4; bad = 1 }
	    END { exit bad }'
}

for tool in "$BUILD"/bin/*; do
	name=${tool##*/} page=$ROOT/man/${tool##*/}.1
	if [ ! -e "$page" ]; then
		result 1 "$name has a manual page"
		continue
	fi
	ok "$name: mandoc -Tlint" mandoc -Tlint -W warning "$page"
	help_options "$tool" >help
	man_options "$page" >page
	ok "$name: --help lists options" test -s help
	ok "$name: --help and the page agree" agree help page
	run "$name --version" 0 "$name (tenon) 0.1.0" "" "$tool" --version
	ok "$name: --help ends in examples" awk '/^examples:/ { on = 1; next } on && /^  ./ { n++ }
	    END { exit n < 2 }' <("$tool" --help)
done
for tool in "$BUILD"/bin/*; do
	name=${tool##*/}
	is "tenon(7) lists $name, once" "$(grep -c "^.It Xr $name 1$" "$ROOT/man/tenon.7") $(sed -n '/^.Sh SEE/,$p' "$ROOT/man/tenon.7" | grep -c "^.Xr $name 1 ,$")" '1 1'
done
for page in "$ROOT"/man/*.[57]; do
	ok "${page##*/}: mandoc -Tlint" mandoc -Tlint -W warning "$page"
done
finish
