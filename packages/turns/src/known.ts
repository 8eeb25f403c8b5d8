/**
 * The default of a type parameter of agents, teams and workflows. Only `any` makes the name of a class, without parameters,
 * the type of all its instances; `Known` keeps it out of everything else.
 */
// oxlint-disable-next-line typescript/no-explicit-any
export type Unset = any;

/** A type parameter, or what it stands for when it is unset. */
export type Known<Given, General> = unknown extends Given ? General : Given;
