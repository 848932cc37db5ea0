# Runs "$2" with its arguments until it ends, or until our standard input, a pipe that the process which started us
# holds open, is closed; then the program is sent signal $1. Whatever way that process dies, its pipe is closed.
signal=$1
shift
umask 077
# A shell gives its background jobs an empty standard input, so the pipe moves to another descriptor first.
exec 3<&0 </dev/null
"$@" 3<&- <"$GUARD_INPUT" &
program=$!
{ read -r _ <&3; kill -s "$signal" "$program"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
