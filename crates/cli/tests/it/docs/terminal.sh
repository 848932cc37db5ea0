# What a reader's terminal is like: one stream, and another terminal for what runs until it is stopped.
exec 2>&1

# `tenantry dev` and `tenantry serve` have a terminal of their own: the page goes on once they serve. Of two, the first is stopped.
tenantry() {
    case "$1 $*" in
    *--help*) command tenantry "$@" ;;
    dev\ * | serve\ *) beside "$@" ;;
    *) command tenantry "$@" ;;
    esac
}

make() {
    [ "$*" = dev ] && tenantry dev
}

beside() {
    if [ -n "$server" ]; then
        kill -TERM "$server"
        wait "$server"
    fi
    : >"$TERMINAL/out"
    : >"$TERMINAL/log"
    # By its path, as whoever has just built it.
    PATH=$MACHINE_PATH "$PROGRAM" "$@" >"$TERMINAL/out" 2>"$TERMINAL/log" </dev/null &
    server=$!
    while kill -0 "$server" 2>/dev/null; do
        if grep -q 'Tenantry is ready' "$TERMINAL/out"; then
            cat "$TERMINAL/out"
            return
        fi
        if grep -q '"message":"serving"' "$TERMINAL/log"; then
            cat "$TERMINAL/log"
            return
        fi
        sleep 0.05
    done
    wait "$server"
    local status=$?
    server=
    cat "$TERMINAL/out" "$TERMINAL/log"
    return "$status"
}
