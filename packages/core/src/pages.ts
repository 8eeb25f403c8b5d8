import { checkObject } from "./arguments.ts";
import { DatabaseError } from "./errors.ts";

/** The pages of a list, each read when it is asked for. */
export async function* pagesOf<Options extends object, Page extends { readonly nextCursor: string | null }>(
  options: Options,
  read: (options: Options) => Promise<Page>,
): AsyncGenerator<Page, void, undefined> {
  checkObject(options, "options");
  // Without `page`, which a cursor excludes: the first page is read with it, the others follow their cursors.
  const { page: _, ...rest } = options as Options & { page?: number };
  let page = await read(options);
  yield page;
  while (page.nextCursor !== null) {
    const cursor: string = page.nextCursor;
    page = await read({ ...rest, cursor } as unknown as Options);
    if (page.nextCursor === cursor) {
      throw new DatabaseError(
        "The store returned a page whose nextCursor leads to that page again: the walk would not end.",
      );
    }
    yield page;
  }
}
