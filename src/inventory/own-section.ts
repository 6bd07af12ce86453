/** What stands around lbctl's own section in a haproxy.cfg that the user wrote. */
export const OWN_SECTION = { begin: '# BEGIN lbctl', end: '# END lbctl' } as const;
