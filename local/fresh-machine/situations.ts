import { spawnSync } from 'node:child_process';

/** A machine that a newcomer may have. `npm start` must run one task on it. */
export interface Situation {
  readonly name: string;
  /** Option of `unshare`: the namespace that the situation needs. Default: none. */
  readonly own?: '--mount' | '--net';
  /**
   * Shell commands that create the situation. They may change directory and export variables. $WORK is a directory for
   * this situation only; $CHECKOUT has the sources and the result of `npm ci`. DATA_DIR is $WORK/data.
   */
  readonly prepare: string;
  /** A command that runs the start as another user; a shell expands it. Default: none. */
  readonly as?: string;
  /** Pattern of the error line that is expected instead of a finished task. */
  readonly refusal?: RegExp;
}

/** Makes every file below $CHECKOUT read-only, and hides what earlier runs built. */
const READ_ONLY_CHECKOUT = `
  mkdir "$WORK/nothing"
  mkdir -p "$CHECKOUT/dist" "$CHECKOUT/.local"
  mount --bind "$CHECKOUT" "$CHECKOUT"
  mount --bind "$WORK/nothing" "$CHECKOUT/dist"
  mount --bind "$WORK/nothing" "$CHECKOUT/.local"
  for place in "$CHECKOUT" "$CHECKOUT/dist" "$CHECKOUT/.local"; do mount -o remount,bind,ro "$place"; done
  cd "$CHECKOUT"`;

/** Reduces the machine's users to the lines of /etc/passwd that `fit` selects. No other service provides users. */
const onlyUsers = (fit: string) => `
  ${fit} /etc/passwd > "$WORK/passwd"
  echo 'passwd: files' > "$WORK/nsswitch.conf"
  chmod 644 "$WORK/passwd" "$WORK/nsswitch.conf"
  mount --bind "$WORK/passwd" /etc/passwd
  mount --bind "$WORK/nsswitch.conf" /etc/nsswitch.conf`;

/** Situations for root. Only root may enter the directory above the checkout and the data. */
export const OF_ROOT: readonly Situation[] = [
  {
    name: 'a path with spaces and letters beyond ASCII',
    own: '--mount',
    prepare: `
      mkdir -p "$WORK/Grüße aus 東京/the checkout"
      mount --bind "$CHECKOUT" "$WORK/Grüße aus 東京/the checkout"
      cd "$WORK/Grüße aus 東京/the checkout"
      export DATA_DIR="$WORK/Grüße aus 東京/the data"`,
  },
  { name: 'umask 077, and no HOME', prepare: 'umask 077' },
  {
    name: 'a HOME that cannot be written',
    own: '--mount',
    prepare: 'mkdir "$WORK/home"; mount -t tmpfs -o ro tmpfs "$WORK/home"; export HOME="$WORK/home"',
  },
  {
    name: 'temporary files in a directory of root alone',
    prepare: 'mkdir -m 0700 "$WORK/tmp"; export TMPDIR="$WORK/tmp"',
  },
  {
    name: 'no users postgres and nobody',
    own: '--mount',
    prepare: onlyUsers('grep -v -e ^postgres: -e ^nobody:'),
  },
  {
    name: 'no user but root',
    own: '--mount',
    prepare: onlyUsers('grep ^root:'),
    refusal: /^Celeriac cannot start: Postgres cannot run as root, and this machine has no other user: .*$/m,
  },
  {
    name: 'no setpriv',
    own: '--mount',
    prepare: 'mount --bind /dev/null "$(command -v setpriv)"',
  },
  {
    name: 'root without the right to keep capabilities',
    prepare: '',
    as: 'setpriv --bounding-set=-setpcap --',
  },
  { name: 'a checkout on a read-only file system', own: '--mount', prepare: READ_ONLY_CHECKOUT },
  {
    name: 'a checkout on a read-only file system, with the data in it',
    own: '--mount',
    prepare: `${READ_ONLY_CHECKOUT}\nunset DATA_DIR`,
    refusal: /^Celeriac cannot start: cannot use the data directory \(set DATA_DIR\) .*read-only.*$/m,
  },
  {
    name: 'no IPv6',
    own: '--net',
    prepare: 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up',
  },
  {
    name: '64 MB of shared memory, as in a container',
    own: '--mount',
    prepare: 'mount -t tmpfs -o size=64m tmpfs /dev/shm',
  },
];

const NOBODY = 'setpriv --reuid="$(id -u nobody)" --regid="$(id -g nobody)" --clear-groups --';
const NAMELESS = 'setpriv --reuid=12345 --regid=12345 --clear-groups --';

/** Some containers refuse user namespaces, which initdb needs for a user without a name. */
const givesNames =
  spawnSync('/bin/sh', ['-c', `${NAMELESS} unshare --user --map-user=65534 true`]).status === 0;

/** Situations for other users. The checkout belongs to `nobody`, and every user may read it. */
export const OF_USERS: readonly Situation[] = [
  { name: 'an ordinary user', prepare: 'export HOME="$WORK"', as: NOBODY },
  {
    name: "somebody else's checkout, and a user without a name, as in a container started with --user",
    prepare: 'export HOME=/',
    as: NAMELESS,
    ...(!givesNames && { refusal: /^Celeriac cannot start: the user 12345 has no name in .*$/m }),
  },
  {
    name: 'a data directory that the user cannot write',
    prepare: 'mkdir "$WORK/closed"; export DATA_DIR="$WORK/closed/data"; chown 0:0 "$WORK/closed"',
    as: NOBODY,
    refusal: /^Celeriac cannot start: cannot use the data directory \(set DATA_DIR\) .*permission denied.*$/m,
  },
];
