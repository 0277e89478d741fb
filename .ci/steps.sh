# Sourced by .ci/run: functions for its steps. The output of each step goes to the screen and to a file. The summary
# reads the files.

# Creates the directory of the files below the given directory.
steps_into() {
  steps=$1/steps
  mkdir "$steps"
  count=0
}

# A CI service finds the number of tests in a closing line. Schemathesis ends with a line that looks like pytest's but
# contains no number of tests: "==== No issues found in 2.5s ====". This filter changes it to "No issues found (2.5 s)".
without_rulers() {
  sed -u -E '/^=+ .* =+$/ { s/^=+ (.*[^ ]) +=+$/\1/; s/ in ([0-9.]+)s( \(.*\))?$/ (\1 s)/; }'
}

# Runs a command as a named step. A failing step ends the run.
step() {
  local name=$1 began=$SECONDS
  shift
  count=$((count + 1))
  printf '\nStep %s, at %s s: %s\n' "$count" "$SECONDS" "$name"
  "$@" 2>&1 | without_rulers | tee "$steps/$count.log"
  printf '%5s s  %s\n' $((SECONDS - began)) "$name" >>"$steps/times"
}

# Starts a step beside the next steps; `wait_beside` shows its output. Only one such step may run at a time.
beside() {
  beside_name=$1 beside_began=$SECONDS
  shift
  count=$((count + 1))
  beside_log=$steps/$count.log
  printf '\nStep %s, at %s s, beside the next ones: %s\n' "$count" "$SECONDS" "$beside_name"
  # Its own process group can be ended as a whole.
  setsid "$@" >"$beside_log" 2>&1 &
  beside_process=$!
}

wait_beside() {
  local failed=0
  wait "$beside_process" || failed=$?
  printf '\nThe step beside the others, at %s s: %s\n' "$SECONDS" "$beside_name"
  without_rulers <"$beside_log"
  printf '%5s s  %s, beside others\n' $((SECONDS - beside_began)) "$beside_name" >>"$steps/times"
  beside_process=
  return "$failed"
}

# Ends the step beside the others when the run ends early.
end_beside() {
  if [ -n "${beside_process:-}" ]; then
    kill -TERM -- "-$beside_process" 2>/dev/null && wait "$beside_process" || true
  fi
}

# Prints the time of each step, and the number of tests in all steps.
steps_summary() {
  printf '\nAll steps took %s s\n' "$SECONDS"
  cat "$steps/times"
  # Reads Vitest's closing line: `Tests  2 failed | 25 passed (27)`.
  awk '
    /^ +Tests +[0-9]/ { for (i = 3; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i - 1); if ($i ~ /^failed/) failed += $(i - 1) } }
    END {
      printf "tests: %d passed, %d failed\n", passed, failed
      exit passed == 0
    }' "$steps"/*.log
}
