# tests/run itself: what it counts and what it takes for a failure.
. tests/lib.sh
write() { cat >"$1.sh"; }
write good <<'X'
echo "ok 1 - a"; echo "ok 2 - b # SKIP no"; echo "1..2"
X
write bad <<'X'
echo "1..2"; echo "ok 1 - a"; echo "a line of the log"; echo "not ok 2 - broken"; exit 1
X
write dies <<'X'
echo "1..1"; echo "ok 1 - a"; kill -SEGV $$
X
write noplan <<'X'
echo "ok 1 - a"
X
write few <<'X'
echo "1..3"; echo "ok 1 - a"
X
write none <<'X'
echo "1..0"
X
write skipped <<'X'
echo "1..0 # SKIP not here"
X
write slow <<'X'
echo "1..1"; sleep 30; echo "ok 1 - a"
X
R=$ROOT/tests/run
last() { "$R" "$@" | tail -n 1; }
is "passed and skipped lines are counted" "$(last good.sh)" "1 passed, 0 failed, 1 skipped"
is "a failing line" "$(last good.sh bad.sh)" "2 passed, 1 failed, 1 skipped"
run "shows the line and the log" 1 '~^not ok 2 - broken$' '' "$R" bad.sh
ok "and the log" grep -q '^a line of the log$' "$T.out"
run "status 0 when nothing failed" 0 '*' '' "$R" good.sh
is "a test that dies fails" "$(last dies.sh)" "1 passed, 1 failed"
is "no plan fails" "$(last noplan.sh)" "1 passed, 1 failed"
is "too few tests fail" "$(last few.sh)" "1 passed, 1 failed"
is "no tests fail" "$(last none.sh)" "0 passed, 1 failed"
is "a skipped file" "$(last skipped.sh)" "0 passed, 0 failed, 1 skipped"
is "a missing file fails" "$(last absent.sh)" "0 passed, 1 failed"
is "nothing to run fails" "$(last)" "0 passed, 1 failed"
is "time limit" "$(LIMIT=1 "$R" slow.sh | tail -n 1)" "0 passed, 1 failed"
run "status 1 on a death" 1 '*' '' "$R" dies.sh
finish
